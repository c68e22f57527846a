package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kinds of the values of a column, the same for both databases.
const (
	TextColumn  = "text"
	IntColumn   = "int"
	BoolColumn  = "bool"
	BytesColumn = "bytes"
)

// Table is a table as a copy of the database describes it.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

// Column is one of its columns.
type Column struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // one of the kinds above
}

// place is where a column stands in its table's rows; -1 when there is none.
func (t Table) place(column string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == column })
}

// Value gives what a row holds in a column; nil when there is no such column.
func (t Table) Value(row []any, column string) any {
	if i := t.place(column); i >= 0 {
		return row[i]
	}
	return nil
}

// Snapshot is the whole database as it was at one moment. Others go on reading and
// writing meanwhile.
type Snapshot struct {
	tx     *sql.Tx
	engine string
}

// Snapshot lets do read the database as it is now. SQLite's log grows for as long as do
// runs, because what do still reads must not be overwritten.
func (db *DB) Snapshot(ctx context.Context, do func(*Snapshot) error) error {
	o := sql.TxOptions{ReadOnly: true}
	if !db.d.inside {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.read.BeginTx(ctx, &o)
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", readable(err))
	}
	err = do(&Snapshot{tx, db.d.name})
	if e := tx.Rollback(); err == nil { // nothing was written
		err = e
	}
	return err
}

// Tables describes every table whose rows are worth keeping. Those that the database or
// the migrations make by themselves are left out, and passing ones: a copy that is put back
// must sign nobody in.
func (s *Snapshot) Tables(ctx context.Context) ([]Table, error) {
	return tablesOf(ctx, s.tx, s.engine)
}

// Where both databases describe their tables: table, column, type, in the columns' order.
const (
	sqliteTables = `SELECT t.name, c.name, c.type FROM pragma_table_list t JOIN pragma_table_info(t.name) c
		WHERE t.schema = 'main' AND t.type = 'table' ORDER BY t.name, c.cid`
	postgresTables = `SELECT t.table_name, c.column_name, c.data_type FROM information_schema.tables t
		JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
		WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE' ORDER BY t.table_name COLLATE "C", c.ordinal_position`
)

func tablesOf(ctx context.Context, q querier, engine string) ([]Table, error) {
	text := sqliteTables
	if engine == "postgres" {
		text = postgresTables
	}
	type line struct{ table, column, kind string }
	lines, err := rowsOf(ctx, q, func(r scanner) (l line, err error) { return l, r.Scan(&l.table, &l.column, &l.kind) }, text)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	var out []Table
	for _, l := range lines {
		if uncopied(l.table) || derived(l.table, l.column) {
			continue
		}
		kind, err := columnKind(l.kind)
		if err != nil {
			return nil, fmt.Errorf("table %s, column %s: %w", l.table, l.column, err)
		}
		if n := len(out); n == 0 || out[n-1].Name != l.table {
			out = append(out, Table{Name: l.table})
		}
		t := &out[len(out)-1]
		t.Columns = append(t.Columns, Column{l.column, kind})
	}
	return out, nil
}

// Passing reports whether a table holds only what is good for a while: what signs in, opens
// a case or proves a browser, and the counts of tries. It stays out of copies. What was ended
// since a copy was made must not come back to life with it, and a thief gets none of it.
func Passing(table string) bool {
	switch table {
	case "acc_session", "inc_visit", "acc_known", // browsers
		"dir_proof",             // codes on their way to a contact
		"acc_spent", "acc_miss": // minutes; and a password is sometimes typed where the name belongs
		return true
	}
	return false
}

// uncopied reports whether a table stays out of copies.
func uncopied(table string) bool {
	return strings.HasPrefix(table, "goose_") || strings.HasPrefix(table, "sqlite_") || Passing(table)
}

// derived reports whether SQLite alone has the column, and fills it by itself.
func derived(table, column string) bool { return table == "ast_asset" && column == "row" }

func columnKind(sqlType string) (string, error) {
	switch strings.ToLower(sqlType) {
	case "text":
		return TextColumn, nil
	case "bigint", "integer":
		return IntColumn, nil
	case "boolean":
		return BoolColumn, nil
	case "blob", "bytea":
		return BytesColumn, nil
	}
	return "", fmt.Errorf("no copy is made of values of type %q", sqlType)
}

// Rows gives every row of a table: a value for each column, which is a string, an int64, a
// bool, a []byte or nil. The slice is used again for the next row.
func (s *Snapshot) Rows(ctx context.Context, t Table, each func([]any) error) (err error) {
	rows, err := s.tx.QueryContext(ctx, "SELECT "+t.list()+" FROM "+t.Name+t.order())
	if err != nil {
		return fmt.Errorf("read %s: %w", t.Name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
		for i, c := range t.Columns {
			if values[i], err = c.tidy(values[i]); err != nil {
				return fmt.Errorf("read %s.%s: %w", t.Name, c.Name, err)
			}
		}
		if err := each(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", t.Name, err)
	}
	return nil
}

// list is the table's columns as SQL writes them.
func (t Table) list() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}

// order is that of the rows in a copy. What lies in the box goes by its random keys, because
// the order in which a database keeps rows is that in which they came.
func (t Table) order() string {
	if t.Name == boxTable {
		return " ORDER BY key"
	}
	return ""
}

// tidy gives the value the one Go type of its kind, whichever database it is from.
func (c Column) tidy(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		if c.Kind == TextColumn && utf8.ValidString(x) {
			return x, nil
		}
	case int64:
		switch c.Kind {
		case IntColumn:
			return x, nil
		case BoolColumn:
			return x != 0, nil
		}
	case bool:
		if c.Kind == BoolColumn {
			return x, nil
		}
	case []byte:
		if c.Kind == BytesColumn {
			return append([]byte{}, x...), nil // never nil, which would be NULL
		}
	}
	return nil, fmt.Errorf("a value of type %T is no %s", v, c.Kind)
}

// File is a file outside the database that one of its rows names.
type File struct {
	Blob   string // its name in the evidence store
	Size   int64  // of the content, in bytes
	SHA256 []byte // of the content
}

// NamesFiles reports whether rows of the table name files.
func (t Table) NamesFiles() bool {
	return t.place("blob") >= 0 && t.place("sha256") >= 0 && t.place("size") >= 0
}

// FileOf gives the file that a row names, if it names one that is not erased.
func (t Table) FileOf(row []any) (File, bool) {
	if erased, ok := t.Value(row, "erased_at").(int64); !t.NamesFiles() || ok && erased != 0 {
		return File{}, false
	}
	var f File
	f.Blob, _ = t.Value(row, "blob").(string)
	f.Size, _ = t.Value(row, "size").(int64)
	f.SHA256, _ = t.Value(row, "sha256").([]byte)
	return f, f.Blob != ""
}
