-- Frames around flows that a device took back by itself: numbers, since pictures may come later ------------------------
alter table deployment_targets add column frames_before bigint;   -- the last before the switch; -1: none
alter table deployment_targets add column frames_until bigint;    -- the last before the way back
