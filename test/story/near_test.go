package story

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// raw opens the company's database beside the server, as its operator could.
func (s *stage) raw() (*sql.DB, error) {
	if url, err := os.ReadFile(filepath.Join(s.dir, "database")); err == nil {
		return sql.Open("pgx", strings.TrimSpace(string(url)))
	}
	found, err := filepath.Glob(filepath.Join(s.dir, "srv", "*.db"))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("databases: %v", found)
	}
	return sql.Open("sqlite", "file:"+found[0]+"?mode=ro")
}

// tables: tables FILE writes every row of every table into a file, sessions too: all but
// the box, and what the record does by itself when it is sealed.
func (s *stage) tables(ts *testscript.TestScript, args []string) error {
	db, err := s.raw()
	if err != nil {
		return err
	}
	defer db.Close()
	q := `SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1, 2`
	if ts.Getenv("ENGINE") == "postgres" {
		q = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`
	}
	columns, err := texts(db, q, 2)
	if err != nil {
		return err
	}
	of := map[string][]string{}
	for _, c := range columns {
		switch table := c[0]; {
		case table == "inc_box", table == "jrn_node", table == "jrn_head", table == "jrn_checkpoint",
			strings.HasPrefix(table, "goose_"), strings.HasPrefix(table, "sqlite_"), table == "jrn_event" && c[1] != "id":
		default:
			of[table] = append(of[table], `CAST("`+c[1]+`" AS TEXT)`)
		}
	}
	var lines []string
	for table, names := range of {
		rows, err := texts(db, "SELECT "+strings.Join(names, ", ")+" FROM "+table, len(names))
		if err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
		for _, row := range rows {
			if strings.HasPrefix(row[0], "server ") { // says that it lives
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %q", table, row))
		}
	}
	slices.Sort(lines)
	return os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// texts reads all rows of a question.
func texts(db *sql.DB, q string, columns int) (out [][]string, err error) {
	rows, err := db.Query(q)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close(), rows.Err()) }()
	for rows.Next() {
		row, into := make([]sql.NullString, columns), make([]any, columns)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		line := make([]string, columns)
		for i, v := range row {
			line[i] = v.String
		}
		out = append(out, line)
	}
	return out, nil
}

// box: box N… waits until just that many openings have left what lies in the box there, one
// number for each; box alone waits until it is empty.
func (s *stage) box(_ *testscript.TestScript, args []string) error {
	db, err := s.raw()
	if err != nil {
		return err
	}
	defer db.Close()
	var got string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		lie, err := texts(db, "SELECT waited FROM inc_box ORDER BY waited", 1)
		if err != nil {
			return err
		}
		if got = strings.Trim(fmt.Sprint(lie), "[]"); strings.ReplaceAll(got, "] [", " ") == strings.Join(args, " ") {
			return nil
		}
	}
	return fmt.Errorf("in the box: %s, want %v", got, args)
}

// alone: alone TEXT WORD… looks at every file of the server for a text, and fails when one
// of the words stands in the same block of 4 KiB, which is a page of SQLite's, or when the
// text is nowhere.
func (s *stage) alone(ts *testscript.TestScript, args []string) error {
	const block = 4096
	found := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "srv"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for page := range slices.Chunk(b, block) {
			if !bytes.Contains(page, []byte(args[0])) {
				continue
			}
			found++
			for _, word := range args[1:] {
				if bytes.Contains(page, []byte(word)) {
					return fmt.Errorf("%s stands beside %s in %s", word, args[0], path)
				}
			}
		}
		return nil
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("%s is nowhere", args[0])
	}
	return err
}
