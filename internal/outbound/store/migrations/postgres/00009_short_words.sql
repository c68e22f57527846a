-- +goose Up
-- Which things hold which two or three characters in a row: words of two are as common
-- in Japanese as longer ones.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ast_grams(s TEXT) RETURNS TEXT[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT DISTINCT substr(s, i, n) FROM generate_series(2, 3) AS n, generate_series(1, length(s) - n + 1) AS i);
-- +goose StatementEnd
REINDEX INDEX ast_asset_gram;
