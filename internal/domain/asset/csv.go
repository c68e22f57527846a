package asset

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
	"sekimori/internal/kit/sheet"
)

// maxLines bounds an import: what one commit writes.
const maxLines = 20_000

// column is one column of the ledger's file. name is its wire name, "asset.column."+name
// its message; title stands in our own exports.
type column struct {
	name     string
	title    string
	also     []string // further accepted headers, in the form that headerKey gives
	required bool
	norm     func(string) (value string, faultID string)
}

// columns is the layout of the file in the order of our exports. The first is the key;
// state is shown and never taken.
func columns() []column {
	return []column{
		{"number", "管理番号", []string{"資産番号", "番号", "assetnumber", "number"}, true, numberCell},
		{"kind", "種別", []string{"種類", "kind", "type"}, true, choiceCell(kindNames())},
		{"model", "型番", []string{"品名", "機種", "model"}, false, textCell},
		{"capacity", "容量", []string{"capacity", "size"}, false, capacityCell},
		{"encryption", "暗号化", []string{"encryption"}, false, choiceCell(encryptionNames())},
		{"vendor", "ベンダーid", []string{"vid", "vendorid", "vendor"}, false, usbCell},
		{"product", "製品id", []string{"pid", "productid", "product"}, false, usbCell},
		{"serial", "シリアル番号", []string{"シリアル", "製造番号", "serialnumber", "serial"}, false, serialCell},
		{"department", "部門コード", []string{"部署コード", "所属コード", "departmentcode", "department"}, true, codeCell},
		{"keeper", "管理者社員番号", []string{"管理者", "保管者社員番号", "keepersemployeenumber", "keepernumber", "keeper"}, true, codeCell},
		{"place", "保管場所", []string{"場所", "place", "location"}, false, textCell},
		{"note", "備考", []string{"メモ", "note", "remarks"}, false, noteCell},
		{"state", "状態", []string{"state", "status"}, false, choiceCell(stateNames())},
	}
}

// kindNames and the others map what stands in a file to our words; the first name of each
// is the one that exports write.
func kindNames() [][]string {
	return [][]string{
		{string(USBMemory), "USBメモリ", "USBメモリー", "usb memory"}, {string(ExternalDisk), "外付けディスク", "外付けHDD", "外付けSSD", "external disk"},
		{string(SDCard), "SDカード", "sd card"}, {string(PC), "PC", "パソコン"}, {string(Phone), "携帯電話", "スマートフォン", "phone"},
		{string(WireLock), "ワイヤーロック", "wire lock"}, {string(Locker), "ロッカー", "キャビネット", "locker"}, {string(DocumentCase), "書類ケース", "document case"},
	}
}

func encryptionNames() [][]string {
	return [][]string{{string(EncryptionUnknown), "不明", "unknown"}, {string(NotEncrypted), "なし", "無", "none"},
		{string(BySoftware), "ソフトウェア", "software"}, {string(ByHardware), "ハードウェア", "hardware"}}
}

func stateNames() [][]string {
	return [][]string{{string(InStore), "在庫", "保管中", "in store"}, {string(Lent), "貸出中", "lent"}, {string(Overdue), "期限超過", "overdue"},
		{string(Lost), "紛失", "lost"}, {string(InRepair), "修理中", "in repair"}, {string(Disposed), "廃棄済み", "廃棄", "disposed"}}
}

func textCell(s string) (string, string) { return line(s, 10_000), "" }

func noteCell(s string) (string, string) { return prose.Paragraph(s, 10_000), "" }

func codeCell(s string) (string, string) {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r):
			return -1
		case r >= '\u2010' && r <= '\u2015', r == '\u2212':
			return '-'
		}
		return r
	}, norm.NFKC.String(s)), ""
}

func numberCell(s string) (string, string) {
	v := code(s)
	if v != "" && !number(v) && !strings.ContainsRune(v, sheet.Lost) {
		return v, "fault.asset_number"
	}
	return v, ""
}

func usbCell(s string) (string, string) {
	v, ok := usbID(s)
	if !ok {
		return v, "fault.asset_usb_id"
	}
	return v, ""
}

func serialCell(s string) (string, string) {
	if !serial(s) {
		return line(s, maxSerial), "fault.asset_serial"
	}
	return strings.TrimSpace(s), ""
}

func choiceCell(names [][]string) func(string) (string, string) {
	return func(s string) (string, string) {
		key := headerKey(s)
		if key == "" {
			return "", ""
		}
		for _, group := range names {
			if slices.ContainsFunc(group, func(n string) bool { return headerKey(n) == key }) {
				return group[0], ""
			}
		}
		return line(s, 100), "fault.unknown_choice"
	}
}

// capacityCell reads a size with its unit as makers give it, in powers of ten: 32GB.
func capacityCell(s string) (string, string) {
	v := strings.ReplaceAll(strings.ToUpper(norm.NFKC.String(strings.Join(strings.Fields(s), ""))), ",", "")
	if v == "" {
		return "", ""
	}
	digits := strings.TrimRight(v, "KMGTPB")
	unit, ok := map[string]float64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}[v[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok || !(n > 0) || n*unit > MaxCapacity {
		return line(s, 100), "fault.asset_capacity"
	}
	return strconv.FormatInt(int64(n*unit), 10), ""
}

// capacityText writes a size as capacityCell reads it.
func capacityText(n int64) string {
	for _, u := range []struct {
		unit string
		n    int64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}} {
		if n != 0 && n%u.n == 0 {
			return strconv.FormatInt(n/u.n, 10) + u.unit
		}
	}
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// headerKey brings a header or a word to the form in which they are compared.
func headerKey(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("_-()/.'", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(s))
}

// content is a file that was read and normalised, before the ledger is asked.
type content struct {
	encoding sheet.Encoding
	columns  []column // those that the file has, each once
	records  []csvLine
	problems []Problem
	hash     string
}

// csvLine is one line.
type csvLine struct {
	line  int
	cells map[string]string
	bad   map[string]bool // cells that cannot be what they must be
}

func (c *content) problem(line int, column, id string, args fault.Args) {
	c.problems = append(c.problems, Problem{Line: line, Column: column, ID: id, Args: args})
}

// readFile reads a file and judges everything that needs no ledger. A file that is no
// table at all is an error; everything else is gathered as problems.
func readFile(r io.Reader) (*content, error) {
	t, err := sheet.Read(r, sheet.Limits{Rows: maxLines, Columns: 50, Cell: 2000})
	if err != nil {
		return nil, err
	}
	c := &content{encoding: t.Encoding}
	at := c.readHeader(t.Header)
	if _, ok := at["number"]; !ok {
		return nil, &fault.Error{Kind: fault.Invalid, ID: "fault.bad_csv", Fields: []fault.Field{{Name: "file", ID: "fault.asset_csv_header"}}}
	}
	for _, row := range t.Rows {
		c.readRow(row, at, len(t.Header))
	}
	c.hash = c.digest()
	return c, nil
}

func (c *content) readHeader(header []string) map[string]int {
	all, at := columns(), map[string]int{}
	for i, h := range header {
		key := headerKey(h)
		n := slices.IndexFunc(all, func(col column) bool { return col.title == key || slices.Contains(col.also, key) })
		if n < 0 {
			c.problem(1, "", "fault.csv_unknown_column", fault.Args{"column": h, "place": strconv.Itoa(i + 1)})
			continue
		}
		if _, twice := at[all[n].name]; twice {
			c.problem(1, all[n].name, "fault.csv_column_twice", fault.Args{"column": h})
			continue
		}
		at[all[n].name] = i
		c.columns = append(c.columns, all[n])
	}
	return at
}

func (c *content) readRow(row sheet.Row, at map[string]int, width int) {
	rec := csvLine{line: row.Line, cells: map[string]string{}, bad: map[string]bool{}}
	for _, col := range c.columns {
		v, id := col.norm(row.Cell(at[col.name]))
		limit := limitOf(col.name)
		switch {
		case id != "":
			c.problem(row.Line, col.name, id, fault.Args{"value": v, "max": strconv.Itoa(limit)})
			rec.bad[col.name] = true
		case utf8.RuneCountInString(v) > limit:
			c.problem(row.Line, col.name, "fault.too_long", fault.Args{"max": strconv.Itoa(limit)})
			rec.bad[col.name] = true
		case strings.ContainsRune(v, sheet.Lost) && !free(col.name):
			c.problem(row.Line, col.name, "fault.csv_lost_char", nil)
			rec.bad[col.name] = true
		}
		rec.cells[col.name] = v
	}
	for i := width; i < len(row.Cells); i++ {
		if strings.TrimSpace(row.Cells[i]) != "" {
			c.problem(row.Line, "", "fault.csv_extra_cells", fault.Args{"value": line(row.Cells[i], 100)})
			break
		}
	}
	c.records = append(c.records, rec)
}

// free reports whether a column holds free text, whose lost characters may be those of
// what is stored.
func free(column string) bool { return column == "model" || column == "place" || column == "note" }

// limitOf is how many characters a column takes.
func limitOf(column string) int {
	switch column {
	case "number", "department", "keeper":
		return maxNumber
	case "serial":
		return maxSerial
	case "note":
		return maxNote
	}
	return maxModel
}

// digest is the SHA-256 of what the file says, the same whatever encoding it is in.
func (c *content) digest() string {
	h := sha256.New()
	put := func(s string) { io.WriteString(h, strconv.Itoa(len(s))+":"+s) } // a hash never fails
	for _, col := range c.columns {
		put(col.name)
	}
	for _, rec := range c.records {
		for _, name := range slices.Sorted(maps.Keys(rec.cells)) {
			put(rec.cells[name])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
