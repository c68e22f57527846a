-- +goose Up
-- People who take turns; reports that are a drill.
CREATE TABLE ntc_roster (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, set_by TEXT NOT NULL, at BIGINT NOT NULL);
ALTER TABLE inc_incident ADD COLUMN drill BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX inc_incident_drill ON inc_incident (id) WHERE drill;
