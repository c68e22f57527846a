-- +goose Up
-- An answered track has a timer too; what is not urgent is held until working hours; repeats to one contact take turns.
ALTER TABLE ntc_track ADD COLUMN held_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ntc_track ADD COLUMN hurried BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE ntc_track ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
DROP INDEX ntc_track_due;
CREATE INDEX ntc_track_due ON ntc_track (next_fire) WHERE state = 'open' OR next_fire > 0;
ALTER TABLE ntc_attempt ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
ALTER TABLE ntc_attempt ADD COLUMN bundle TEXT NOT NULL DEFAULT '';
ALTER TABLE ntc_policy ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- contact is a hash; at: when its last turn was.
CREATE TABLE ntc_turn (contact TEXT PRIMARY KEY, at BIGINT NOT NULL);
CREATE TABLE ntc_day_off (day TEXT PRIMARY KEY, name TEXT NOT NULL, set_by TEXT NOT NULL, at BIGINT NOT NULL);
