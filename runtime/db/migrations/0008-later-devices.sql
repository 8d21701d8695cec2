-- Deployments reach devices that come later ----------------------------------------------------------------------------
alter table deployments add column source text;    -- hash of the edge tabs it was made from, a file among the bundles
alter table deployments add column follows uuid;   -- the one that this one brings to a device that came later
create index deployments_followers on deployments (follows) where follows is not null;
