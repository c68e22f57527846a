-- +goose Up
-- When a report was written by the clock of a device that had to keep it; 0: sent at once.
ALTER TABLE inc_incident ADD COLUMN written_at BIGINT NOT NULL DEFAULT 0;
