-- A password that somebody else chose: nothing is answered before it is changed. The first one of `admin`, made up and shown to whoever
-- started the server, and one reset on the machine itself are asked to be changed, by the console.
alter table users add column password_given boolean not null default false;
