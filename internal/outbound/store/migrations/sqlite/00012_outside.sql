-- +goose Up
-- Reports of those who have no account, and the receipt codes that open them.
ALTER TABLE inc_incident ADD COLUMN outside BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE inc_incident ADD COLUMN outside_name TEXT NOT NULL DEFAULT '';
ALTER TABLE inc_incident ADD COLUMN outside_contact TEXT NOT NULL DEFAULT '';
ALTER TABLE ntc_track ADD COLUMN department TEXT NOT NULL DEFAULT '';
CREATE TABLE inc_code (hash BLOB PRIMARY KEY, incident TEXT NOT NULL, made_at BIGINT NOT NULL);
CREATE INDEX inc_code_incident ON inc_code (incident, made_at);
CREATE TABLE inc_visit (
  hash BLOB PRIMARY KEY, incident TEXT NOT NULL, began_at BIGINT NOT NULL, seen_at BIGINT NOT NULL);
CREATE INDEX inc_visit_incident ON inc_visit (incident);
CREATE INDEX inc_visit_began ON inc_visit (began_at);
