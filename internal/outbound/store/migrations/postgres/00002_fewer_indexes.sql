-- +goose Up
-- Fewer indexes for what every report writes: an attempt is found by its track, and the case by its tracks.
ALTER TABLE ntc_attempt DROP CONSTRAINT ntc_attempt_key_key;
DROP INDEX ntc_attempt_track;
DROP INDEX ntc_attempt_incident;
CREATE UNIQUE INDEX ntc_attempt_key ON ntc_attempt (track, key);
-- The number of the last change of tokens, so that a server may answer from memory while it is the same.
CREATE TABLE acc_state (one BIGINT PRIMARY KEY, tokens BIGINT NOT NULL);
INSERT INTO acc_state (one, tokens) VALUES (1, 1);
