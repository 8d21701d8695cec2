-- What is brought to others ------------------------------------------------------------------------------------------
create table streams (                             -- by name: flows and API that use the same one mean the same
  name text primary key,
  camera_id text not null default '',              -- empty: the only or first one
  type text not null check (type in ('hls', 'rtmp', 'youtube', 'livekit')),
  wanted boolean not null default false,           -- on again after a restart
  kept boolean not null default false,             -- made through the API; else a flow declares it at each start
  config jsonb not null default '{}',              -- nothing secret
  secret text,                                     -- destination and key, encrypted
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index streams_by_camera on streams (camera_id, name);

create table oauth_tokens (                        -- one account a service
  service text primary key,
  secret text not null,                            -- the refresh token, encrypted
  account text,                                    -- as people know it
  state text not null check (state in ('connected', 'revoked')),
  reason text,
  connected_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table broadcasts (                          -- what was begun at a service, so that a crash leaves nothing half done
  id bigint generated always as identity primary key,
  stream text not null,
  camera_id text not null,
  state text not null check (state in ('starting', 'live', 'ending', 'complete', 'failed')),
  broadcast_id text,                               -- at the service; null: not known to exist yet
  ingest_id text,
  video_id integer references videos on delete set null,
  title text not null,
  url text,
  reason text,
  config jsonb not null default '{}',
  created_at timestamptz not null,
  live_at timestamptz,
  ended_at timestamptz
);
create unique index broadcasts_open on broadcasts (stream) where state in ('starting', 'live', 'ending');
create index broadcasts_by_time on broadcasts (created_at desc, id desc);
