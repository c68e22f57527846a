-- +goose Up
-- Near misses: what they nearly became, and the box that they are put in without a name. What lies in it has no time and
-- no order of its own, but for how many openings have left it there.
ALTER TABLE inc_incident ADD COLUMN nearly TEXT NOT NULL DEFAULT '';
CREATE TABLE inc_box (
  key BLOB PRIMARY KEY, nearly TEXT NOT NULL, department TEXT NOT NULL, summary TEXT NOT NULL, words TEXT NOT NULL, waited BIGINT NOT NULL) WITHOUT ROWID;
