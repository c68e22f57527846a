-- +goose Up
-- Names a file that a program may send again; the case keeps the first of that name.
ALTER TABLE inc_evidence ADD COLUMN once TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX inc_evidence_once ON inc_evidence (incident, once) WHERE once <> '';
