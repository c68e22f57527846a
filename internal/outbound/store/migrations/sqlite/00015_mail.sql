-- +goose Up
-- What came by mail: which mail became which case, by keyed hashes of its names and its sender.
ALTER TABLE inc_incident ADD COLUMN guessed BOOLEAN NOT NULL DEFAULT false;
CREATE TABLE inc_mail (
  mail TEXT PRIMARY KEY, message TEXT NOT NULL, sender TEXT NOT NULL, incident TEXT NOT NULL,
  added BOOLEAN NOT NULL, receipt BOOLEAN NOT NULL, at BIGINT NOT NULL);
CREATE INDEX inc_mail_message ON inc_mail (message);
CREATE INDEX inc_mail_sender ON inc_mail (sender, at);
CREATE INDEX inc_mail_incident ON inc_mail (incident);
