-- +goose Up
CREATE TABLE ast_asset (
  id TEXT PRIMARY KEY, number TEXT COLLATE "C" NOT NULL UNIQUE, kind TEXT NOT NULL, model TEXT NOT NULL, capacity BIGINT NOT NULL, encryption TEXT NOT NULL,
  vendor TEXT NOT NULL, product TEXT NOT NULL, serial TEXT NOT NULL, medium_capacity BIGINT NOT NULL, volume TEXT NOT NULL, token TEXT NOT NULL,
  read_at BIGINT NOT NULL, read_on TEXT NOT NULL, twin BOOLEAN NOT NULL, department TEXT NOT NULL, keeper TEXT NOT NULL, place TEXT NOT NULL,
  note TEXT NOT NULL, state TEXT NOT NULL, since BIGINT NOT NULL, loan TEXT NOT NULL, borrower TEXT NOT NULL, due BIGINT NOT NULL,
  created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, version BIGINT NOT NULL, disposal TEXT NOT NULL, strength TEXT NOT NULL, search TEXT COLLATE "C" NOT NULL);
-- Searches and lists are answered from one of the first two alone, in the order of the
-- numbers; only the rows of the page are then read. The others lead to few rows.
CREATE INDEX ast_asset_search ON ast_asset (number, search);
CREATE INDEX ast_asset_list ON ast_asset (number, search, kind, state, department, keeper, due, strength);
CREATE INDEX ast_asset_state ON ast_asset (state, due);
CREATE INDEX ast_asset_department ON ast_asset (department, number);
CREATE INDEX ast_asset_keeper ON ast_asset (keeper, number);
CREATE INDEX ast_asset_borrower ON ast_asset (borrower, number) WHERE borrower <> '';
CREATE INDEX ast_asset_serial ON ast_asset (serial, vendor, product) WHERE serial <> '';
CREATE INDEX ast_asset_token ON ast_asset (token) WHERE token <> '';
-- Which things hold which three characters in a row. The database keeps it right itself.
-- +goose StatementBegin
CREATE FUNCTION ast_grams(s TEXT) RETURNS TEXT[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT DISTINCT substr(s, i, 3) FROM generate_series(1, length(s) - 2) AS i);
-- +goose StatementEnd
CREATE INDEX ast_asset_gram ON ast_asset USING gin (ast_grams(search));

CREATE TABLE ast_photo (
  id TEXT PRIMARY KEY, asset TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, size BIGINT NOT NULL, sha256 BYTEA NOT NULL, blob TEXT NOT NULL,
  added_by TEXT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX ast_photo_asset ON ast_photo (asset);

-- Keeper and department are those of the thing, so that a list needs no join to choose.
CREATE TABLE lon_loan (
  id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, request TEXT NOT NULL, person TEXT NOT NULL, device TEXT NOT NULL,
  from_at BIGINT NOT NULL, until_at BIGINT NOT NULL, read_only BOOLEAN NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL,
  handed_by TEXT NOT NULL, handed_at BIGINT NOT NULL, received_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, back_by TEXT NOT NULL, back_at BIGINT NOT NULL,
  done_by TEXT NOT NULL, done_at BIGINT NOT NULL, content TEXT NOT NULL, erased TEXT NOT NULL, check_note TEXT NOT NULL,
  next_fire BIGINT NOT NULL, reminded BIGINT NOT NULL, chased_at BIGINT NOT NULL, climbed BIGINT NOT NULL,
  keeper TEXT NOT NULL, department TEXT NOT NULL, over_at BIGINT NOT NULL, erased_at BIGINT NOT NULL);
CREATE INDEX lon_loan_asset ON lon_loan (asset, id);
CREATE INDEX lon_loan_person ON lon_loan (person, id);
CREATE INDEX lon_loan_keeper ON lon_loan (keeper, id);
CREATE INDEX lon_loan_department ON lon_loan (department, id);
CREATE INDEX lon_loan_state ON lon_loan (state, id);
CREATE INDEX lon_loan_device ON lon_loan (device, id) WHERE device <> '';
CREATE INDEX lon_loan_open ON lon_loan (id) WHERE state IN ('handed', 'out', 'ended', 'back');
CREATE INDEX lon_loan_held ON lon_loan (until_at) WHERE state IN ('handed', 'out', 'ended');
CREATE INDEX lon_loan_due ON lon_loan (next_fire) WHERE next_fire > 0;
CREATE INDEX lon_loan_over ON lon_loan (over_at) WHERE over_at > 0 AND erased_at = 0;
CREATE TABLE lon_counter (year BIGINT PRIMARY KEY, last BIGINT NOT NULL);

CREATE TABLE med_registration (
  id TEXT PRIMARY KEY, asset TEXT NOT NULL, device TEXT NOT NULL, token TEXT NOT NULL, text TEXT NOT NULL, asked_by TEXT NOT NULL,
  at BIGINT NOT NULL, until_at BIGINT NOT NULL, done_at BIGINT NOT NULL);
CREATE INDEX med_registration_open ON med_registration (device, asset) WHERE done_at = 0;

CREATE TABLE med_attempt (
  id TEXT PRIMARY KEY, device TEXT NOT NULL, key TEXT NOT NULL, at BIGINT NOT NULL, heard_at BIGINT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL,
  class TEXT NOT NULL, vendor TEXT NOT NULL, product TEXT NOT NULL, serial TEXT NOT NULL, name TEXT NOT NULL, asset TEXT NOT NULL, loan TEXT NOT NULL,
  username TEXT NOT NULL, files BIGINT NOT NULL, bytes BIGINT NOT NULL, event TEXT NOT NULL, UNIQUE (device, key));
CREATE INDEX med_attempt_device ON med_attempt (device, heard_at, id);
CREATE INDEX med_attempt_asset ON med_attempt (asset, heard_at, id) WHERE asset <> '';
CREATE INDEX med_attempt_what ON med_attempt (what, heard_at, id);
CREATE INDEX med_attempt_heard ON med_attempt (heard_at, id);

CREATE TABLE med_written (loan TEXT NOT NULL, name TEXT NOT NULL, size BIGINT NOT NULL, at BIGINT NOT NULL, attempt TEXT NOT NULL);
CREATE INDEX med_written_loan ON med_written (loan, at);

CREATE TABLE med_draft (device TEXT PRIMARY KEY, at BIGINT NOT NULL, done BOOLEAN NOT NULL);
CREATE INDEX med_draft_open ON med_draft (at) WHERE done = false;
CREATE TABLE med_policy (version BIGINT PRIMARY KEY, mode TEXT NOT NULL, departments TEXT NOT NULL, set_by TEXT NOT NULL, at BIGINT NOT NULL);
