-- +goose Up
-- Where people are told beside their own mail address. secret is sealed.
CREATE TABLE dir_contact (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, name TEXT NOT NULL, secret BLOB NOT NULL,
  created_at BIGINT NOT NULL, verified_at BIGINT NOT NULL, failed_at BIGINT NOT NULL, failed_why TEXT NOT NULL);
CREATE INDEX dir_contact_person ON dir_contact (person);

-- Codes on their way to contacts. The person's own mail address has the person's id.
CREATE TABLE dir_proof (
  contact TEXT PRIMARY KEY, person TEXT NOT NULL, code BLOB NOT NULL, sent_at BIGINT NOT NULL, until_at BIGINT NOT NULL, tries BIGINT NOT NULL);
