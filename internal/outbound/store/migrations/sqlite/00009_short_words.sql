-- +goose Up
-- Which things hold which two or three characters in a row: words of two are as common
-- in Japanese as longer ones. The tokenizer knows threes alone, so each two stand once
-- more with a mark between them, which no text that is kept holds.
DROP TRIGGER ast_gram_added;
DROP TRIGGER ast_gram_changed;
DROP TRIGGER ast_gram_gone;
DROP TABLE ast_gram;
CREATE VIEW ast_gram_text (row, search) AS
  SELECT row, search || char(31) || (WITH RECURSIVE place (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM place WHERE i < length(a.search))
    SELECT group_concat(substr(a.search, i, 1), char(31) ORDER BY i) FROM place) FROM ast_asset a;
CREATE VIRTUAL TABLE ast_gram USING fts5(search, content='ast_gram_text', content_rowid='row', tokenize='trigram case_sensitive 1', detail=none);
INSERT INTO ast_gram (ast_gram) VALUES ('rebuild');
-- +goose StatementBegin
CREATE TRIGGER ast_gram_added AFTER INSERT ON ast_asset BEGIN
  INSERT INTO ast_gram (rowid, search) SELECT row, search FROM ast_gram_text WHERE row = new.row;
END;
-- +goose StatementEnd
-- What stood there is taken out while it can still be read.
-- +goose StatementBegin
CREATE TRIGGER ast_gram_changes BEFORE UPDATE OF search ON ast_asset WHEN old.search <> new.search BEGIN
  INSERT INTO ast_gram (ast_gram, rowid, search) SELECT 'delete', row, search FROM ast_gram_text WHERE row = old.row;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ast_gram_changed AFTER UPDATE OF search ON ast_asset WHEN old.search <> new.search BEGIN
  INSERT INTO ast_gram (rowid, search) SELECT row, search FROM ast_gram_text WHERE row = new.row;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ast_gram_gone BEFORE DELETE ON ast_asset BEGIN
  INSERT INTO ast_gram (ast_gram, rowid, search) SELECT 'delete', row, search FROM ast_gram_text WHERE row = old.row;
END;
-- +goose StatementEnd
