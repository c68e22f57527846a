-- +goose Up
-- Work on cases: what of the talk people have read, cases that have to do with each other
-- or are the same, and lessons.
ALTER TABLE inc_incident ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';
ALTER TABLE inc_incident ADD COLUMN merged_was TEXT NOT NULL DEFAULT '';
CREATE INDEX inc_incident_merged ON inc_incident (merged_into) WHERE merged_into <> '';
CREATE INDEX inc_entry_message ON inc_entry (incident, at) WHERE type = 'message';
CREATE TABLE inc_read (
  incident TEXT NOT NULL, person TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (incident, person));
CREATE TABLE inc_relation (
  id TEXT PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, why TEXT NOT NULL, made_by TEXT NOT NULL, at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL, ended_by TEXT NOT NULL, ended_why TEXT NOT NULL);
CREATE UNIQUE INDEX inc_relation_pair ON inc_relation (a, b) WHERE ended_at = 0;
CREATE INDEX inc_relation_b ON inc_relation (b);
CREATE TABLE inc_lesson (
  id TEXT PRIMARY KEY, incident TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, happened TEXT NOT NULL, now_done TEXT NOT NULL,
  version BIGINT NOT NULL, state TEXT NOT NULL, written_by TEXT NOT NULL, written_at BIGINT NOT NULL,
  done_by TEXT NOT NULL, done_at BIGINT NOT NULL, ended_by TEXT NOT NULL, ended_at BIGINT NOT NULL, ended_why TEXT NOT NULL);
CREATE INDEX inc_lesson_incident ON inc_lesson (incident);
CREATE INDEX inc_lesson_published ON inc_lesson (done_at) WHERE state = 'published';
