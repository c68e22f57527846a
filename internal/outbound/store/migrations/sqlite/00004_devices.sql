-- +goose Up
CREATE TABLE dev_token (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, note TEXT NOT NULL, made_by TEXT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL, device TEXT NOT NULL, revoked_at BIGINT NOT NULL);

CREATE TABLE dev_device (
  id TEXT PRIMARY KEY, key BLOB NOT NULL, person TEXT NOT NULL, enrolled_at BIGINT NOT NULL, enrolled_by TEXT NOT NULL,
  refused_at BIGINT NOT NULL, refused_by TEXT NOT NULL, refused_why TEXT NOT NULL, secret BLOB NOT NULL,
  desired BIGINT NOT NULL, document TEXT NOT NULL, basis TEXT NOT NULL, issued_at BIGINT NOT NULL,
  wanted BOOLEAN NOT NULL, order_id TEXT NOT NULL, presses BIGINT NOT NULL);
CREATE INDEX dev_device_person ON dev_device (person);
CREATE INDEX dev_device_enrolled ON dev_device (enrolled_at, id);

-- What a device tells, and where its stream is: written often, so it is kept apart from
-- what is signed.
CREATE TABLE dev_heard (
  device TEXT PRIMARY KEY, name TEXT NOT NULL, system TEXT NOT NULL, agent TEXT NOT NULL, server TEXT NOT NULL, seen_at BIGINT NOT NULL,
  seq BIGINT NOT NULL, applied BIGINT NOT NULL, dry_run BOOLEAN NOT NULL, privileged BOOLEAN NOT NULL,
  state TEXT NOT NULL, fact TEXT NOT NULL, fact_at BIGINT NOT NULL,
  undone BIGINT NOT NULL, undone_at BIGINT NOT NULL, failure TEXT NOT NULL, failures BIGINT NOT NULL,
  released TEXT NOT NULL, unknown_at BIGINT NOT NULL);
CREATE INDEX dev_heard_server ON dev_heard (server) WHERE server <> '';

CREATE TABLE dev_order (
  id TEXT PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, ordered_by TEXT NOT NULL, via TEXT NOT NULL, reason TEXT NOT NULL,
  incident TEXT NOT NULL, wifi BOOLEAN NOT NULL, presses BIGINT NOT NULL, requested_at BIGINT NOT NULL,
  applied_at BIGINT NOT NULL, proven_at BIGINT NOT NULL, pc_applied_at BIGINT NOT NULL, pc_proven_at BIGINT NOT NULL,
  superseded BOOLEAN NOT NULL, version BIGINT NOT NULL);
CREATE INDEX dev_order_device ON dev_order (device, id);
CREATE INDEX dev_order_incident ON dev_order (incident) WHERE incident <> '';

CREATE TABLE dev_fact (
  device TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, unread TEXT NOT NULL, at BIGINT NOT NULL, heard_at BIGINT NOT NULL,
  PRIMARY KEY (device, name));

CREATE TABLE dev_challenge (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, device TEXT NOT NULL, given_by TEXT NOT NULL, reason TEXT NOT NULL,
  at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL);
CREATE INDEX dev_challenge_device ON dev_challenge (device, at);
CREATE INDEX dev_challenge_person ON dev_challenge (given_by, at);

CREATE TABLE dev_infection (
  device TEXT NOT NULL, key TEXT NOT NULL, order_id TEXT NOT NULL, at BIGINT NOT NULL, incident TEXT NOT NULL, label TEXT NOT NULL,
  PRIMARY KEY (device, key));
CREATE INDEX dev_infection_incident ON dev_infection (incident) WHERE incident <> '';

CREATE TABLE dev_evidence (
  device TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, size BIGINT NOT NULL, sha256 BLOB NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (device, key, name));
