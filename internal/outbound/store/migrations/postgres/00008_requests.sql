-- +goose Up
CREATE TABLE req_counter (year BIGINT PRIMARY KEY, last BIGINT NOT NULL);

CREATE TABLE req_request (
  id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, applicant TEXT NOT NULL, revision BIGINT NOT NULL,
  form TEXT NOT NULL, title TEXT NOT NULL, about TEXT NOT NULL, expires_at BIGINT NOT NULL, state TEXT NOT NULL,
  chain BIGINT NOT NULL, steps TEXT NOT NULL, asked_at BIGINT NOT NULL, deadline BIGINT NOT NULL, next_fire BIGINT NOT NULL,
  reminded BIGINT NOT NULL, climbed BIGINT NOT NULL, ended_at BIGINT NOT NULL, reason TEXT NOT NULL,
  used_by TEXT NOT NULL, used_at BIGINT NOT NULL, idem_key TEXT NOT NULL, erased_at BIGINT NOT NULL);
CREATE UNIQUE INDEX req_request_key ON req_request (applicant, idem_key) WHERE idem_key <> '';
CREATE INDEX req_request_applicant ON req_request (applicant, id);
CREATE INDEX req_request_about ON req_request (about, id) WHERE about <> '';
CREATE INDEX req_request_unused ON req_request (kind, id) WHERE state = 'approved' AND used_by = '';
CREATE INDEX req_request_kind ON req_request (kind, id);
CREATE INDEX req_request_state ON req_request (state, id);
CREATE INDEX req_request_ended ON req_request (ended_at) WHERE ended_at > 0 AND erased_at = 0;
CREATE INDEX req_request_due ON req_request (next_fire) WHERE next_fire > 0;

-- Everybody who was ever asked on a request, of whatever revision: they may go on seeing
-- it. waits: their decision is wanted now.
CREATE TABLE req_asked (
  request TEXT NOT NULL, person TEXT NOT NULL, instead_of TEXT NOT NULL, waits BOOLEAN NOT NULL, stamped BOOLEAN NOT NULL,
  PRIMARY KEY (request, person, instead_of));
CREATE INDEX req_asked_person ON req_asked (person, waits, request);
CREATE INDEX req_asked_instead ON req_asked (instead_of, waits, request) WHERE instead_of <> '';

CREATE TABLE req_word (
  id TEXT PRIMARY KEY, request TEXT NOT NULL, said_by TEXT NOT NULL, at BIGINT NOT NULL, question BOOLEAN NOT NULL, text TEXT NOT NULL);
CREATE INDEX req_word_request ON req_word (request, at, id);

CREATE TABLE req_chain (
  kind TEXT NOT NULL, version BIGINT NOT NULL, chain TEXT NOT NULL, set_by TEXT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (kind, version));

-- off: called off while it was being sent.
CREATE TABLE ntc_letter (
  id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, about TEXT NOT NULL, person TEXT NOT NULL, instead_of TEXT NOT NULL,
  args TEXT NOT NULL, path TEXT NOT NULL, act BOOLEAN NOT NULL, planned_at BIGINT NOT NULL, next_try BIGINT NOT NULL,
  tries BIGINT NOT NULL, state TEXT NOT NULL, sent_at BIGINT NOT NULL, answer TEXT NOT NULL, off BOOLEAN NOT NULL);
CREATE INDEX ntc_letter_due ON ntc_letter (next_try) WHERE state IN ('planned', 'sending') AND off = false;
CREATE INDEX ntc_letter_planned ON ntc_letter (planned_at);
CREATE INDEX ntc_letter_about ON ntc_letter (about) WHERE state IN ('planned', 'sending');
