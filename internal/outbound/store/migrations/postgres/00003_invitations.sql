-- +goose Up
CREATE TABLE acc_invitation (
  person TEXT PRIMARY KEY, hash BYTEA NOT NULL UNIQUE, login TEXT NOT NULL, invited_by TEXT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
