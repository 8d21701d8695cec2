-- People and their programs --------------------------------------------------------------------------------------------
alter table users add column long_token boolean not null default false;   -- tokens of 12 h, for clients that cannot refresh

create table app_passwords (
  id integer generated always as identity primary key,
  user_id integer not null references users on delete cascade,
  name text not null,
  key text not null unique,                        -- the public part
  hash bytea not null,                             -- HMAC-SHA-256 of the secret part
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index app_passwords_user on app_passwords (user_id);

-- Devices that wait to be claimed ---------------------------------------------------------------------------------------
create table pairings (
  code text primary key,
  poll_hash bytea not null unique,                 -- SHA-256 of the poll token
  public_key bytea not null,                       -- X25519, 32 bytes
  model text not null,
  address text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  claimed_at timestamptz,
  device_id text,
  sealed text                                      -- the device's key, readable with the device's private key only; handed over once
);
create index pairings_expiry on pairings (expires_at);

alter table device_keys add column signing text;   -- encrypted: the secret of signed requests; null: this key is not for signing

alter table cameras add column access text;        -- encrypted: key and headers that Redeye sends to a camera with a URL
