-- +goose Up
-- When the call began by which a report was told; 0: no call, or nobody knows.
ALTER TABLE inc_incident ADD COLUMN began_at BIGINT NOT NULL DEFAULT 0;
