-- +goose Up
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE dir_state (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO dir_state (one, version) VALUES (1, 1);
CREATE TABLE dir_department (
  id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, parent TEXT NOT NULL, head TEXT NOT NULL);
CREATE TABLE dir_person (
  id TEXT PRIMARY KEY, number TEXT NOT NULL UNIQUE, family TEXT NOT NULL, given TEXT NOT NULL,
  family_kana TEXT NOT NULL, given_kana TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
  department TEXT NOT NULL, supervisor TEXT NOT NULL, title TEXT NOT NULL, lang TEXT NOT NULL,
  verified_at BIGINT NOT NULL, left_at BIGINT NOT NULL);
CREATE TABLE dir_duty (
  duty TEXT NOT NULL, person TEXT NOT NULL, from_at BIGINT NOT NULL, until_at BIGINT NOT NULL,
  PRIMARY KEY (duty, person, from_at));
CREATE TABLE dir_deputy (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, deputy TEXT NOT NULL, sort BIGINT NOT NULL,
  from_at BIGINT NOT NULL, until_at BIGINT NOT NULL);
CREATE TABLE dir_absence (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, from_at BIGINT NOT NULL, until_at BIGINT NOT NULL,
  note TEXT NOT NULL, entered_by TEXT NOT NULL);

CREATE TABLE acc_account (person TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, password TEXT NOT NULL);
CREATE TABLE acc_session (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL,
  created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX acc_session_person ON acc_session (person);
CREATE TABLE acc_token (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, seen_at BIGINT NOT NULL);
CREATE INDEX acc_token_person ON acc_token (person);
CREATE TABLE acc_miss (id TEXT PRIMARY KEY, key TEXT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX acc_miss_key ON acc_miss (key, at);

CREATE TABLE inc_counter (year BIGINT PRIMARY KEY, last BIGINT NOT NULL);
CREATE TABLE inc_incident (
  id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, year BIGINT NOT NULL, number BIGINT NOT NULL,
  kind TEXT NOT NULL, urgency TEXT NOT NULL, summary TEXT NOT NULL, reporter TEXT NOT NULL, on_behalf TEXT NOT NULL,
  department TEXT NOT NULL, channel TEXT NOT NULL, left_out TEXT NOT NULL,
  occurred_at BIGINT NOT NULL, discovered_at BIGINT NOT NULL, reported_at BIGINT NOT NULL,
  status TEXT NOT NULL, assignee TEXT NOT NULL, step_list BIGINT NOT NULL,
  close_by TEXT NOT NULL, close_why TEXT NOT NULL, closed_by TEXT NOT NULL, closed_at BIGINT NOT NULL,
  demo BOOLEAN NOT NULL, erased_at BIGINT NOT NULL, idem_key TEXT NOT NULL);
CREATE UNIQUE INDEX inc_incident_key ON inc_incident (reporter, idem_key) WHERE idem_key <> '';
CREATE INDEX inc_incident_reported ON inc_incident (reported_at);
CREATE TABLE inc_entry (
  id TEXT PRIMARY KEY, incident TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,
  entered_by TEXT NOT NULL, at BIGINT NOT NULL, corrects TEXT NOT NULL, internal BOOLEAN NOT NULL);
CREATE INDEX inc_entry_incident ON inc_entry (incident, at);
CREATE TABLE inc_evidence (
  id TEXT PRIMARY KEY, incident TEXT NOT NULL, name TEXT NOT NULL, media TEXT NOT NULL, size BIGINT NOT NULL,
  sha256 BLOB NOT NULL, blob TEXT NOT NULL, added_by TEXT NOT NULL, at BIGINT NOT NULL, erased_at BIGINT NOT NULL);
CREATE INDEX inc_evidence_incident ON inc_evidence (incident);
CREATE TABLE inc_steps (
  kind TEXT NOT NULL, version BIGINT NOT NULL, items TEXT NOT NULL, set_by TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (kind, version));

CREATE TABLE ntc_policy (version BIGINT PRIMARY KEY, set_by TEXT NOT NULL, at BIGINT NOT NULL, reason TEXT NOT NULL, chains TEXT NOT NULL);
CREATE TABLE ntc_track (
  id TEXT PRIMARY KEY, incident TEXT NOT NULL, receiver TEXT NOT NULL, urgency TEXT NOT NULL, policy BIGINT NOT NULL,
  reporter TEXT NOT NULL, left_out TEXT NOT NULL, state TEXT NOT NULL, pass BIGINT NOT NULL, level BIGINT NOT NULL,
  attempt BIGINT NOT NULL, fires BIGINT NOT NULL, passed_to TEXT NOT NULL, started_at BIGINT NOT NULL,
  level_end BIGINT NOT NULL, next_fire BIGINT NOT NULL, empty BOOLEAN NOT NULL,
  acked_at BIGINT NOT NULL, acked_by TEXT NOT NULL, acked_for TEXT NOT NULL, ack_path TEXT NOT NULL, ack_note TEXT NOT NULL,
  ended_why TEXT NOT NULL);
CREATE INDEX ntc_track_incident ON ntc_track (incident);
CREATE INDEX ntc_track_due ON ntc_track (next_fire) WHERE state = 'open';
CREATE TABLE ntc_told (
  track TEXT NOT NULL, person TEXT NOT NULL, instead_of TEXT NOT NULL, level BIGINT NOT NULL, pass BIGINT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (track, person));
CREATE INDEX ntc_told_person ON ntc_told (person);
CREATE TABLE ntc_attempt (
  id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, track TEXT NOT NULL, incident TEXT NOT NULL, person TEXT NOT NULL,
  instead_of TEXT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, pass BIGINT NOT NULL, level BIGINT NOT NULL,
  number BIGINT NOT NULL, planned_at BIGINT NOT NULL, next_try BIGINT NOT NULL, tries BIGINT NOT NULL,
  state TEXT NOT NULL, sent_at BIGINT NOT NULL, answer TEXT NOT NULL, late BOOLEAN NOT NULL);
CREATE INDEX ntc_attempt_track ON ntc_attempt (track);
CREATE INDEX ntc_attempt_incident ON ntc_attempt (incident);
CREATE INDEX ntc_attempt_due ON ntc_attempt (next_try) WHERE state IN ('planned', 'sending');

CREATE TABLE jrn_head (one BIGINT PRIMARY KEY, size BIGINT NOT NULL);
INSERT INTO jrn_head (one, size) VALUES (1, 0);
CREATE TABLE jrn_event (
  id TEXT PRIMARY KEY, at BIGINT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, commitment BLOB NOT NULL,
  salt BLOB, content BLOB, erased_at BIGINT NOT NULL, seq BIGINT);
CREATE UNIQUE INDEX jrn_event_seq ON jrn_event (seq) WHERE seq IS NOT NULL;
CREATE INDEX jrn_event_unsealed ON jrn_event (at, id) WHERE seq IS NULL;
CREATE INDEX jrn_event_subject ON jrn_event (subject) WHERE subject <> '';
CREATE TABLE jrn_node (idx BIGINT PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE jrn_checkpoint (size BIGINT PRIMARY KEY, root BLOB NOT NULL, at BIGINT NOT NULL, note BLOB NOT NULL);

CREATE TABLE api_reply (
  actor TEXT NOT NULL, key TEXT NOT NULL, hash TEXT NOT NULL, at BIGINT NOT NULL, status BIGINT NOT NULL,
  content_type TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (actor, key));
CREATE INDEX api_reply_at ON api_reply (at);
CREATE TABLE out_message (
  id TEXT PRIMARY KEY, at BIGINT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL,
  body TEXT NOT NULL, headers TEXT NOT NULL);
