-- Commands -----------------------------------------------------------------------------------------------------------
alter table devices add column command_counter bigint not null default 0;  -- the highest ever given out

create table commands (
  id uuid primary key,
  device_id text not null,
  name text not null,
  args jsonb not null default '{}',
  counter bigint not null,                         -- rises per device: what is not above the last one is a replay
  state text not null default 'queued' check (state in ('queued', 'sent', 'accepted', 'done', 'failed', 'expired')),
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  sent_at timestamptz,
  finished_at timestamptz,
  result jsonb,
  code text,                                       -- why it failed: for programs
  error text,                                      -- and for people
  actor text not null,
  constraint commands_counter unique (device_id, counter)
);
create index commands_open on commands (device_id, counter) where state in ('queued', 'sent', 'accepted');
create index commands_by_time on commands (issued_at desc, id desc);

-- What pictures and recordings hang on -------------------------------------------------------------------------------
create table products (
  id integer generated always as identity primary key,
  name text not null,
  description text,
  metadata jsonb not null default '{}',
  user_id integer references users on delete set null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table images (                              -- taken because somebody asked: no rule deletes them
  id integer generated always as identity primary key,
  camera_id text not null,
  device_id text not null,
  product_id integer references products on delete set null,
  user_id integer references users on delete set null,
  filename text not null unique,
  path text not null unique,                       -- below the data folder
  description text,
  captured_at timestamptz not null,
  exposure real,                                   -- ms, as the camera says it was
  gain real,
  width integer not null,
  height integer not null,
  size integer not null,
  sha256 bytea not null,
  metadata jsonb not null default '{}',            -- everything the camera said
  deleting_at timestamptz,                         -- marked, file, row: whoever is killed in between finds it again
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index images_by_camera on images (camera_id, id desc);
create index images_by_product on images (product_id, id desc) where product_id is not null;
create index images_by_user on images (user_id, id desc);
create index images_deleting on images (id) where deleting_at is not null;

create table videos (
  id integer generated always as identity primary key,
  url text not null,
  title text,
  description text,
  camera_id text,
  product_id integer references products on delete set null,
  user_id integer references users on delete set null,
  youtube_id text,
  metadata jsonb not null default '{}',
  started_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index videos_by_youtube on videos (youtube_id) where youtube_id is not null;
create index videos_by_product on videos (product_id, id desc) where product_id is not null;
