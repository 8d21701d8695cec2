alter table streams add column device text;        -- who pushes: a device; null is this server
