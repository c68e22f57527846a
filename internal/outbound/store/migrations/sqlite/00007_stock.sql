-- +goose Up
CREATE TABLE stk_counter (year BIGINT PRIMARY KEY, last BIGINT NOT NULL);

CREATE TABLE stk_take (
  id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, title TEXT NOT NULL, departments TEXT NOT NULL, kinds TEXT NOT NULL,
  opened_by TEXT NOT NULL, opened_at BIGINT NOT NULL, due TEXT NOT NULL, finished_by TEXT NOT NULL, finished_at BIGINT NOT NULL,
  expected BIGINT NOT NULL, reminded_at BIGINT NOT NULL, next_fire BIGINT NOT NULL, erased_at BIGINT NOT NULL);
CREATE INDEX stk_take_due ON stk_take (next_fire) WHERE next_fire > 0;

-- The list as it was frozen, and what was done about what was not seen.
CREATE TABLE stk_item (
  stock TEXT NOT NULL, number TEXT NOT NULL, asset TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL, department TEXT NOT NULL,
  keeper TEXT NOT NULL, place TEXT NOT NULL, state TEXT NOT NULL, borrower TEXT NOT NULL,
  done TEXT NOT NULL, note TEXT NOT NULL, noted_by TEXT NOT NULL, noted_at BIGINT NOT NULL,
  PRIMARY KEY (stock, number));

CREATE TABLE stk_sighting (
  id TEXT PRIMARY KEY, stock TEXT NOT NULL, number TEXT NOT NULL, asset TEXT NOT NULL, listed BOOLEAN NOT NULL, why TEXT NOT NULL,
  how TEXT NOT NULL, place TEXT NOT NULL, seen_by TEXT NOT NULL, at BIGINT NOT NULL, undone_at BIGINT NOT NULL);
CREATE INDEX stk_sighting_number ON stk_sighting (stock, number);
CREATE INDEX stk_sighting_stray ON stk_sighting (stock, seen_by) WHERE listed = false;

CREATE TABLE stk_seal (stock TEXT PRIMARY KEY, csv BLOB NOT NULL, data BLOB NOT NULL, note TEXT NOT NULL);
