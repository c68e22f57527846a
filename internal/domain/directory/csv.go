package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

// FileKind says what the lines of an import are. The header tells which it is.
type FileKind string

// The two files. Departments come first in a new company, then the people, then the
// departments once more with their heads.
const (
	PeopleFile     FileKind = "people"
	DepartmentFile FileKind = "departments"
)

// column is one column of a file. name is its wire name, "directory.column."+name its
// message; title stands in our own exports.
type column struct {
	name     string
	title    string
	also     []string // further accepted names, in the form that headerKey gives
	required bool
	max      int                                         // characters
	norm     func(string) (value string, faultID string) // faultID is empty when the value is sound
}

// columnsOf is the layout of a file in the order of our exports. The first is the key.
func columnsOf(k FileKind) []column {
	if k == DepartmentFile {
		return []column{
			{"code", "部門コード", []string{"部署コード", "所属コード", "departmentcode", "department", "code"}, true, 40, codeText},
			{"name", "部門名", []string{"部署名", "departmentname", "name"}, true, 100, plainText},
			{"parent", "上位部門コード", []string{"上位部署コード", "親部門コード", "parentcode", "parentdepartment", "upperdepartmentcode", "parent"}, false, 40, codeText},
			{"head", "部門長社員番号", []string{"部署長社員番号", "部門長", "headsemployeenumber", "headnumber", "head"}, false, 40, codeText},
		}
	}
	return []column{
		{"number", "社員番号", []string{"従業員番号", "社員コード", "社員no", "employeenumber", "employeeid", "number"}, true, 40, codeText},
		{"family", "姓", []string{"氏", "名字", "familyname", "lastname", "family"}, true, 60, plainText},
		{"given", "名", []string{"givenname", "firstname", "given"}, false, 60, plainText},
		{"family_kana", "セイ", []string{"姓カナ", "姓フリガナ", "familynamekana", "familykana", "lastnamekana"}, false, 60, kanaText},
		{"given_kana", "メイ", []string{"名カナ", "名フリガナ", "givennamekana", "givenkana", "firstnamekana"}, false, 60, kanaText},
		{"email", "メールアドレス", []string{"メール", "mailaddress", "emailaddress", "email", "mail"}, false, 254, mailText},
		{"phone", "電話番号", []string{"電話", "phonenumber", "phone", "tel"}, false, 30, phoneText},
		{"department", "部門コード", []string{"部署コード", "所属コード", "departmentcode", "department"}, true, 40, codeText},
		{"title", "役職", []string{"役職名", "jobtitle", "title"}, false, 100, plainText},
		{"supervisor", "上長社員番号", []string{"上司社員番号", "supervisorsemployeenumber", "supervisornumber", "supervisor", "manager"}, false, 40, codeText},
		{"lang", "言語", []string{"language", "lang"}, false, 10, langText},
		{"left", "退職日", []string{"leavingdate", "terminationdate", "lastday", "left"}, false, 20, dateText},
	}
}

// headerKey brings a header to the form in which names are compared.
func headerKey(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("_-()/.'", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(s))
}

// find gives the column of the kind with that header.
func find(cols []column, header string) (column, bool) {
	key := headerKey(header)
	i := slices.IndexFunc(cols, func(c column) bool { return c.title == key || slices.Contains(c.also, key) })
	if i < 0 {
		return column{}, false
	}
	return cols[i], true
}

// content is a file that was read and normalised, before the directory is asked.
type content struct {
	kind     FileKind
	encoding sheet.Encoding
	columns  []column // those that the file has, each once
	records  []record
	problems []Problem
	hash     string
}

// record is one line; cells has one value for each of the content's columns.
type record struct {
	line  int
	cells map[string]string
}

func (c *content) has(name string) bool {
	return slices.ContainsFunc(c.columns, func(col column) bool { return col.name == name })
}

func (c *content) problem(line int, column, id string, args fault.Args) {
	c.problems = append(c.problems, Problem{Line: line, Column: column, ID: id, Args: args})
}

// readFile reads a file and judges everything that needs no directory. A file that is
// no table at all is an error; everything else is gathered as problems.
func readFile(r io.Reader) (*content, error) {
	t, err := sheet.Read(r, sheet.Limits{Columns: 50, Cell: 1000})
	if err != nil {
		return nil, err
	}
	kind, ok := kindOf(t.Header)
	if !ok {
		return nil, &fault.Error{Kind: fault.Invalid, ID: "fault.bad_csv",
			Fields: []fault.Field{{Name: "file", ID: "fault.csv_unknown_kind"}}}
	}
	c := &content{kind: kind, encoding: t.Encoding}
	at := c.readHeader(t.Header)
	for _, row := range t.Rows {
		c.readRow(row, at, len(t.Header))
	}
	c.hash = c.digest()
	return c, nil
}

// kindOf takes the kind of file that more of the headers belong to.
func kindOf(header []string) (FileKind, bool) {
	score := func(k FileKind) (n int) {
		for _, h := range header {
			if _, ok := find(columnsOf(k), h); ok {
				n++
			}
		}
		return n
	}
	people, departments := score(PeopleFile), score(DepartmentFile)
	switch {
	case people > departments:
		return PeopleFile, true
	case departments > people:
		return DepartmentFile, true
	}
	return "", false
}

// readHeader notes the columns and gives the place of each in a row.
func (c *content) readHeader(header []string) map[string]int {
	all, at := columnsOf(c.kind), map[string]int{}
	for i, h := range header {
		col, ok := find(all, h)
		switch _, twice := at[col.name]; {
		case !ok:
			c.problem(1, "", "fault.csv_unknown_column", fault.Args{"column": h, "place": strconv.Itoa(i + 1)})
		case twice:
			c.problem(1, col.name, "fault.csv_column_twice", fault.Args{"column": h})
		default:
			at[col.name] = i
			c.columns = append(c.columns, col)
		}
	}
	for _, col := range all {
		if _, ok := at[col.name]; !ok && col.required {
			c.problem(1, col.name, "fault.csv_missing_column", fault.Args{"column": col.title})
		}
	}
	return at
}

func (c *content) readRow(row sheet.Row, at map[string]int, width int) {
	rec := record{line: row.Line, cells: map[string]string{}}
	for _, col := range c.columns {
		v, id := col.norm(row.Cell(at[col.name]))
		if id != "" {
			c.problem(row.Line, col.name, id, fault.Args{"value": v})
		} else if utf8.RuneCountInString(v) > col.max {
			c.problem(row.Line, col.name, "fault.too_long", fault.Args{"max": strconv.Itoa(col.max)})
		}
		rec.cells[col.name] = v
	}
	for i := width; i < len(row.Cells); i++ {
		if strings.TrimSpace(row.Cells[i]) != "" {
			c.problem(row.Line, "", "fault.csv_extra_cells", fault.Args{"value": row.Cells[i]})
			break
		}
	}
	c.records = append(c.records, rec)
}

// digest is the SHA-256 of what the file says, the same whatever encoding it is in.
func (c *content) digest() string {
	h := sha256.New()
	put := func(s string) { io.WriteString(h, strconv.Itoa(len(s))+":"+s) } // a hash never fails
	put(string(c.kind))
	for _, col := range c.columns {
		put(col.name)
	}
	for _, rec := range c.records {
		for _, col := range c.columns {
			put(rec.cells[col.name])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ExportPeople gives everybody, leavers too, as a file that PreviewImport reads back
// as unchanged. Who edits the directory may take it out as a whole.
func (s *Service) ExportPeople(ctx context.Context, by access.Actor) (header []string, rows iter.Seq[[]string], err error) {
	return s.export(ctx, by, PeopleFile, func(o *Org, yield func(map[string]string) bool) {
		for _, p := range o.Sorted() {
			if !yield(o.personCells(p)) {
				return
			}
		}
	})
}

// ExportDepartments gives every department, in the order of their codes.
func (s *Service) ExportDepartments(ctx context.Context, by access.Actor) (header []string, rows iter.Seq[[]string], err error) {
	return s.export(ctx, by, DepartmentFile, func(o *Org, yield func(map[string]string) bool) {
		ds := make([]Department, 0, len(o.Departments))
		for _, d := range o.Departments {
			ds = append(ds, d)
		}
		slices.SortFunc(ds, func(a, b Department) int { return strings.Compare(a.Code, b.Code) })
		for _, d := range ds {
			if !yield(o.departmentCells(d)) {
				return
			}
		}
	})
}

func (s *Service) export(ctx context.Context, by access.Actor, k FileKind, each func(*Org, func(map[string]string) bool)) ([]string, iter.Seq[[]string], error) {
	if err := by.May(access.EditDirectory); err != nil {
		return nil, nil, err
	}
	o, err := s.Org(ctx)
	if err != nil {
		return nil, nil, err
	}
	cols := columnsOf(k)
	header := make([]string, len(cols))
	for i, c := range cols {
		header[i] = c.title
	}
	return header, func(yield func([]string) bool) {
		each(o, func(cells map[string]string) bool {
			row := make([]string, len(cols))
			for i, c := range cols {
				row[i] = cells[c.name]
			}
			return yield(row)
		})
	}, nil
}

// personCells is the person as a line of the people file.
func (o *Org) personCells(p Person) map[string]string {
	return map[string]string{
		"number": p.Number, "family": p.Family, "given": p.Given, "family_kana": p.FamilyKana, "given_kana": p.GivenKana,
		"email": p.Email, "phone": p.Phone, "department": o.Departments[p.Department].Code, "title": p.Title,
		"supervisor": o.People[p.Supervisor].Number, "lang": p.Lang, "left": lastDay(p.Left),
	}
}

// departmentCells is the department as a line of the department file.
func (o *Org) departmentCells(d Department) map[string]string {
	return map[string]string{
		"code": d.Code, "name": d.Name, "parent": o.Departments[d.Parent].Code, "head": o.People[d.Head].Number,
	}
}

// jst is Japan Standard Time, fixed since 1951: a date of leaving is a day in Japan.
func jst() *time.Location { return time.FixedZone("JST", 9*60*60) }

// lastDay is the last day that somebody belongs here, who is gone at left.
func lastDay(left time.Time) string {
	if left.IsZero() {
		return ""
	}
	return left.Add(-time.Microsecond).In(jst()).Format(time.DateOnly)
}

// leftAfter is when a person is gone whose last day this is: the midnight after it.
func leftAfter(day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, day, jst())
	if err != nil {
		return time.Time{}, err
	}
	return t.AddDate(0, 0, 1).UTC(), nil
}
