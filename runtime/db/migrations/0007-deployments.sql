-- Flows on the devices -----------------------------------------------------------------------------------------------
alter table devices add column groups text[] not null default '{}';

create table signing_keys (                        -- public ones; the private one is in a file, here or elsewhere
  key_id text primary key,
  public_key text not null unique,
  signed_by text,                                  -- the key before it, which vouches for it
  signature text,
  active boolean not null,
  created_at timestamptz not null
);
create unique index signing_keys_active on signing_keys (active) where active;

create table deployments (
  id uuid primary key,
  target text not null,
  state text not null check (state in ('unsigned', 'running', 'done', 'failed', 'aborted')),
  reason text,
  actor text not null,
  note text,
  commit text,
  rollback_of uuid,
  options jsonb not null,                          -- pause_s, abort_share, timeout_s
  ring integer not null default 0,                 -- the one under way
  rings integer not null,
  resume_at timestamptz,                           -- the pause before the next ring ends
  created_at timestamptz not null,
  finished_at timestamptz
);
create index deployments_by_time on deployments (created_at desc, id desc);
create index deployments_open on deployments (created_at) where state in ('unsigned', 'running');

create table deployment_targets (
  deployment_id uuid not null references deployments on delete cascade,
  device_id text not null,
  ring integer not null,
  state text not null,
  generation bigint not null,
  revision text not null,
  sha256 text not null,
  size integer not null,
  signature text,
  key_id text,
  diff jsonb not null,
  reason text,
  sent_at timestamptz,
  ended_at timestamptz,
  primary key (deployment_id, device_id)
);
create index deployment_targets_by_device on deployment_targets (device_id, generation desc);

create table desired_flows (                       -- what each device is to run, and what it says it runs
  device_id text primary key,
  generation bigint not null,                      -- the highest given out: never again, whatever becomes of it
  deployment_id uuid,                              -- null: nothing is wanted of it (any more)
  revision text,
  reported jsonb,
  reported_at timestamptz
);
