-- Retention ----------------------------------------------------------------------------------------------------------
-- A row is marked before its file goes and deleted after it: whoever is killed in between finds it again.
alter table captures
  add column deleting_at timestamptz,
  add column kept boolean not null default false;  -- asked for by a person: never deleted by a rule
create index captures_deleting on captures (node_id, segment) where deleting_at is not null;
create index captures_kept on captures (received_at) where kept;

alter table event_images add column deleting_at timestamptz;
create index event_images_deleting on event_images (event_id) where deleting_at is not null;
create index event_images_by_path on event_images (path);
create index events_by_creation on events (created_at, id);
create index events_kept on events (created_at) where keep;

create table retention_rules (                     -- a camera's own limits; null: the site's
  camera_id text primary key,
  staging_hours real check (staging_hours > 0),
  event_images_days real check (event_images_days > 0),
  max_mb real check (max_mb > 0),
  updated_at timestamptz not null default now()
);

create table retention_runs (
  id bigint generated always as identity primary key,
  asked_by text not null,
  state text not null check (state in ('running', 'done', 'halted', 'failed', 'interrupted')),
  started_at timestamptz not null,
  finished_at timestamptz,
  report jsonb not null default '{}'
);
