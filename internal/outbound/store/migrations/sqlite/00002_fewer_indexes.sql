-- +goose Up
-- Fewer indexes for what every report writes: an attempt is found by its track, and the case's by its tracks.
CREATE TABLE ntc_told_new (
  track TEXT NOT NULL, person TEXT NOT NULL, instead_of TEXT NOT NULL, level BIGINT NOT NULL, pass BIGINT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (track, person)) WITHOUT ROWID;
INSERT INTO ntc_told_new (track, person, instead_of, level, pass, at)
  SELECT track, person, instead_of, level, pass, at FROM ntc_told;
DROP TABLE ntc_told;
ALTER TABLE ntc_told_new RENAME TO ntc_told;
CREATE INDEX ntc_told_person ON ntc_told (person);
CREATE TABLE ntc_attempt_new (
  id TEXT PRIMARY KEY, key TEXT NOT NULL, track TEXT NOT NULL, incident TEXT NOT NULL, person TEXT NOT NULL,
  instead_of TEXT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, pass BIGINT NOT NULL, level BIGINT NOT NULL,
  number BIGINT NOT NULL, planned_at BIGINT NOT NULL, next_try BIGINT NOT NULL, tries BIGINT NOT NULL,
  state TEXT NOT NULL, sent_at BIGINT NOT NULL, answer TEXT NOT NULL, late BOOLEAN NOT NULL);
INSERT INTO ntc_attempt_new (id, key, track, incident, person, instead_of, channel, address, pass, level, number,
    planned_at, next_try, tries, state, sent_at, answer, late)
  SELECT id, key, track, incident, person, instead_of, channel, address, pass, level, number,
    planned_at, next_try, tries, state, sent_at, answer, late FROM ntc_attempt;
DROP TABLE ntc_attempt;
ALTER TABLE ntc_attempt_new RENAME TO ntc_attempt;
CREATE UNIQUE INDEX ntc_attempt_key ON ntc_attempt (track, key);
CREATE INDEX ntc_attempt_due ON ntc_attempt (next_try) WHERE state IN ('planned', 'sending');
-- The number of the last change of tokens, so that a server may answer from memory while it is the same.
CREATE TABLE acc_state (one BIGINT PRIMARY KEY, tokens BIGINT NOT NULL);
INSERT INTO acc_state (one, tokens) VALUES (1, 1);
