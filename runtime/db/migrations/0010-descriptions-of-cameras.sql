alter table cameras add column description text;
alter table cameras add column updated_at timestamptz;     -- null: never changed
