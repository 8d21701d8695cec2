-- People -------------------------------------------------------------------------------------------------------------
create table users (
  id integer generated always as identity primary key,
  name text not null,
  email text,
  role text not null check (role in ('admin', 'operator', 'viewer')),
  password_hash text not null,
  must_change_password boolean not null default false,
  may_edit_flows boolean not null default false,
  cameras text[],                                  -- null: all
  disabled_at timestamptz,
  created_at timestamptz not null default now()
);
create unique index users_name on users (lower(name));
create unique index users_email on users (lower(email)) where email is not null;

create table refresh_tokens (
  hash bytea primary key,                          -- SHA-256 of the token
  family uuid not null,                            -- a used token seen again revokes its whole family
  user_id integer not null references users on delete cascade,
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index refresh_tokens_family on refresh_tokens (family);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  object text not null,
  ip text,
  details jsonb not null default '{}'
);

-- Devices and cameras ------------------------------------------------------------------------------------------------
create table devices (
  id text primary key,
  name text not null,
  last_seq bigint not null default -1,             -- outlives retention and the device's own deletion
  last_seen_at timestamptz,
  last_frame_at timestamptz,
  last_config_at timestamptz,
  state text not null default 'offline' check (state in ('online', 'offline', 'degraded', 'updating')),
  session bigint,
  burst_until timestamptz,
  burst_ready_at timestamptz,                      -- no new burst before
  info jsonb not null default '{}',
  health jsonb not null default '{}',
  rssi real,
  battery_mv real,
  fw_version text,
  disabled_at timestamptz,
  deleted_at timestamptz,
  created_at timestamptz not null default now()
);

create table device_keys (
  id text primary key,                             -- the public part of the key
  device_id text not null references devices on delete cascade,
  hash bytea not null,                             -- HMAC-SHA-256 of the secret part
  created_at timestamptz not null default now(),
  expires_at timestamptz,                          -- an old key during rotation
  revoked_at timestamptz
);
create index device_keys_device on device_keys (device_id);

create table device_configs (
  device_id text not null references devices on delete cascade,
  version integer not null,
  config jsonb not null,
  active boolean not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  primary key (device_id, version)
);
create unique index device_configs_one_active on device_configs (device_id) where active;

create table cameras (
  id text primary key,
  device_id text not null references devices on delete cascade,
  name text not null,
  url text,                                        -- encrypted; only for cameras that the server captures
  driver text not null default '',
  position integer not null default 0,             -- the lowest is the device's first
  deleted_at timestamptz,
  created_at timestamptz not null default now()
);
create index cameras_device on cameras (device_id, position);

create table rois (
  camera_id text not null references cameras on delete cascade,
  version integer not null,                        -- the highest is in force
  rois jsonb not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  primary key (camera_id, version)
);

-- Frames -------------------------------------------------------------------------------------------------------------
create table captures (
  id uuid primary key,
  device_id text not null,
  camera_id text not null,
  seq bigint not null,
  captured_at timestamptz not null,
  received_at timestamptz not null,
  width integer not null,
  height integer not null,
  jpeg_quality smallint not null,
  size integer not null,
  crc32 bigint not null,
  node_id text not null,                           -- the server whose disk holds the bytes
  segment bigint not null,
  segment_offset bigint not null,
  meta jsonb not null default '{}',
  constraint captures_device_seq unique (device_id, seq)
);
create index captures_by_time on captures (received_at desc, id desc);
create index captures_by_camera on captures (camera_id, received_at desc, id desc);
create index captures_by_segment on captures (node_id, segment);

create table segment_checkpoints (                 -- replay at start begins here: what was deleted later stays deleted
  node_id text primary key,
  segment bigint not null,
  segment_offset bigint not null,
  updated_at timestamptz not null default now()
);

-- Jobs ---------------------------------------------------------------------------------------------------------------
create table camera_lanes (
  camera_id text primary key,
  enqueued bigint not null default 0,              -- bumped by every enqueue: a wake-up that comes while the lane is being left is seen
  drained bigint not null default 0,               -- the value of `enqueued` at which the lane was found empty
  wake_at timestamptz,                             -- earliest retry
  owner text,
  epoch bigint not null default 0,                 -- rises with each claim; fences off who lost the lease
  lease_until timestamptz
);

create table jobs (
  id bigint generated always as identity primary key,
  camera_id text not null,
  device_id text not null,
  seq bigint not null,
  capture_id uuid not null references captures on delete cascade,
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'dead')),
  attempts smallint not null default 0,
  epoch bigint,
  lease_until timestamptz,
  run_after timestamptz,
  error text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  constraint jobs_capture unique (capture_id)
);
create index jobs_open on jobs (camera_id, seq) where state in ('queued', 'running', 'failed');
create index jobs_by_state on jobs (state, id desc);

create table delta_states (
  camera_id text primary key,
  version smallint not null,
  roi_version integer not null,
  state bytea not null,
  last_captured_at timestamptz not null,
  updated_at timestamptz not null default now()
);

-- Events -------------------------------------------------------------------------------------------------------------
create table events (
  id uuid primary key,
  type text not null,
  state text not null check (state in ('open', 'closed')),
  device_id text not null,
  camera_id text not null,
  rois text[] not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  stock_changed boolean,
  score real not null,
  details jsonb not null default '{}',
  parent uuid,
  reviewed boolean not null default false,
  verdict boolean,
  note text,
  keep boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index events_by_time on events (started_at desc, id desc);
create index events_by_camera on events (camera_id, started_at desc, id desc);

create table event_images (
  event_id uuid not null references events on delete cascade,
  role text not null check (role in ('pre', 'during', 'post', 'thumb')),
  path text not null,                              -- below the data folder
  capture_id uuid,
  width integer not null,
  height integer not null,
  size integer not null,
  created_at timestamptz not null default now(),
  primary key (event_id, role)
);

create table outbox (
  id bigint generated always as identity primary key,
  kind text not null,
  key text not null,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  published_at timestamptz
);
create index outbox_waiting on outbox (id) where published_at is null;
