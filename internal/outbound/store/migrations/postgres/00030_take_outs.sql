-- +goose Up
CREATE TABLE tko_counter (year BIGINT PRIMARY KEY, last BIGINT NOT NULL);

-- One carry pass for each approval. body: the form, the way and what was confirmed.
CREATE TABLE tko_pass (
  id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, request TEXT NOT NULL, person TEXT NOT NULL, department TEXT NOT NULL,
  state TEXT NOT NULL, made_at BIGINT NOT NULL, until_at BIGINT NOT NULL, expected_at BIGINT NOT NULL, next_fire BIGINT NOT NULL,
  over_at BIGINT NOT NULL, incident TEXT NOT NULL, search TEXT NOT NULL, body TEXT NOT NULL, erased_at BIGINT NOT NULL);
CREATE INDEX tko_pass_person ON tko_pass (person, id);
CREATE INDEX tko_pass_open ON tko_pass (id) WHERE over_at = 0;
CREATE INDEX tko_pass_due ON tko_pass (next_fire) WHERE next_fire > 0;
CREATE INDEX tko_pass_over ON tko_pass (over_at) WHERE over_at > 0 AND erased_at = 0;
CREATE UNIQUE INDEX tko_pass_incident ON tko_pass (incident) WHERE incident <> '';

-- Who has allowed a take-out may go on seeing its pass.
CREATE TABLE tko_approver (pass TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (pass, person));
CREATE INDEX tko_approver_person ON tko_approver (person, pass);

-- pass: the one that was made with it; '' while there is none.
CREATE TABLE tko_manifest (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, at BIGINT NOT NULL, sha256 TEXT NOT NULL, lines TEXT NOT NULL, pass TEXT NOT NULL);
CREATE UNIQUE INDEX tko_manifest_same ON tko_manifest (person, sha256);
CREATE INDEX tko_manifest_unused ON tko_manifest (at) WHERE pass = '';
