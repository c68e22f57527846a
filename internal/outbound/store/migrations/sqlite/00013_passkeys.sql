-- +goose Up
-- When the session's person last showed password or passkey.
ALTER TABLE acc_session ADD COLUMN fresh_at BIGINT NOT NULL DEFAULT 0;

-- reset: a new password for an account that is there.
ALTER TABLE acc_invitation ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE acc_invitation ADD COLUMN reset BOOLEAN NOT NULL DEFAULT false;

CREATE TABLE acc_passkey (
  id TEXT PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, credential BLOB NOT NULL UNIQUE, public_key BLOB NOT NULL,
  sign_count BIGINT NOT NULL, copyable BOOLEAN NOT NULL, created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, copied_at BIGINT NOT NULL);
CREATE INDEX acc_passkey_person ON acc_passkey (person, id);

-- Challenges that were answered rightly, until they end by themselves.
CREATE TABLE acc_spent (hash BLOB PRIMARY KEY, until_at BIGINT NOT NULL);
CREATE INDEX acc_spent_until ON acc_spent (until_at);

-- Browsers that were proven at the link of a notice.
CREATE TABLE acc_known (hash BLOB PRIMARY KEY, person TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX acc_known_person ON acc_known (person);
CREATE INDEX acc_known_expires ON acc_known (expires_at);
