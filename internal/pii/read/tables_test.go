package read

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"sekimori/internal/pii"
)

// workbook2 is a workbook of one visible and one hidden sheet.
func workbook2(t testing.TB) []byte {
	t.Helper()
	return makeZip(t,
		"[Content_Types].xml", "<Types/>",
		"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
		"xl/workbook.xml", `<workbook><sheets><sheet name="名簿" sheetId="1" r:id="r1"/><sheet name="隠し &amp; 秘" sheetId="2" state="veryHidden" r:id="r2"/></sheets></workbook>`,
		"xl/styles.xml", `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-411]ggge&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/><numFmt numFmtId="165" formatCode="0.00E+00"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
		"xl/sharedStrings.xml", `<sst><si><t>氏名</t></si><si><r><t>山</t></r><r><t xml:space="preserve">本 </t></r><r><t>花乃</t></r><rPh sb="0" eb="1"><t>ヤマモト</t></rPh></si><si><t>&#x4F50;久間&lt;一太&gt;</t></si></sst>`,
		"xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>生年月日</t></is></c></row>
			<row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3"><v>1.23456789012E11</v></c><c r="C3" s="1"><v>30808</v></c><c r="D3" s="2"><v>29181</v></c><c r="E3" s="3"><v>5</v></c><c r="F3" t="str"><f>A1</f><v>式</v></c></row>
			</sheetData><headerFooter><oddHeader>&amp;C社外秘 03-0000-0101</oddHeader></headerFooter></worksheet>`,
		"xl/worksheets/sheet2.xml", `<worksheet><sheetData><row><c t="s"><v>2</v></c><c><v>3</v></c><c t="s"><v>99</v></c></row></sheetData></worksheet>`,
		"xl/comments1.xml", `<comments><authors><author>書いた 人</author></authors><commentList><comment><text><r><t>備考 06-0000-0102</t></r></text></comment></commentList></comments>`,
		"xl/worksheets/_rels/sheet1.xml.rels", `<Relationships><Relationship Target="mailto:someone@example.jp" TargetMode="External"/></Relationships>`,
		"xl/pivotCache/pivotCacheDefinition1.xml", `<pivotCacheDefinition><cacheField name="顧客"><sharedItems><s v="消えた 客"/></sharedItems></cacheField></pivotCacheDefinition>`,
		"xl/embeddings/inner.docx", string(makeZip(t, "[Content_Types].xml", "<Types/>", "word/document.xml", `<w:document><w:body><w:p><w:r><w:t>埋め込み</w:t></w:r></w:p></w:body></w:document>`)),
		"docProps/core.xml", `<cp:coreProperties><dc:creator>作った 人</dc:creator></cp:coreProperties>`,
	)
}

// TestWorkbook: hidden sheets, notes, headers, pivot copies, links, embedded files; days as dates, numbers in full.
func TestWorkbook(t *testing.T) {
	rec, report := readBytes(t, workbook2(t), "a.xlsx", Limits{})
	if len(report.Unread) > 0 {
		t.Errorf("unread: %v", report.Unread)
	}
	want := [][]string{{"氏名", "", "生年月日"}, {"山本 花乃", "123456789012", "1984-05-06", "1979-11-22", "5", "式"}}
	if got := rec.tables["名簿"]; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := rec.tables["隠し & 秘"]; len(got) != 1 || !slices.Equal(got[0], []string{"佐久間<一太>", "3"}) {
		t.Errorf("%q", got)
	}
	for _, want := range []string{"社外秘 03-0000-0101", "備考 06-0000-0102", "書いた 人", "mailto:someone@example.jp", "消えた 客", "[inner.docx] 埋め込み", "作った 人"} {
		if !strings.Contains(rec.all(), want) {
			t.Errorf("%q is not in\n%s", want, rec.all())
		}
	}
}

// TestDocument: pieces of a word are joined, what was deleted is read, readings and copies are not.
func TestDocument(t *testing.T) {
	doc := makeZip(t, "[Content_Types].xml", "<Types/>",
		"word/document.xml", `<w:document><w:body><w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>山</w:t></w:r><w:proofErr/><w:r><w:t>本花乃</w:t></w:r><w:r><w:tab/><w:t>電話</w:t></w:r></w:p>
			<w:p><w:ruby><w:rt><w:r><w:t>よみ</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢字</w:t></w:r></w:rubyBase></w:ruby><w:del><w:r><w:delText>消した 03-0000-0101</w:delText></w:r></w:del></w:p>
			<mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>箱の中</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:p><w:r><w:t>箱の中</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>
			<w:tbl><w:tr><w:tc><w:p><w:r><w:t>氏名</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>佐久間</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>中の表</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:tc><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>`,
		"word/header1.xml", `<w:hdr><w:p><w:r><w:t>頭</w:t></w:r></w:p></w:hdr>`, "word/comments.xml", `<w:comments><w:comment><w:p><w:r><w:t>注 06-0000-0102</w:t></w:r></w:p></w:comment></w:comments>`,
		"word/footnotes.xml", `<w:footnotes><w:p><w:r><w:t>脚</w:t></w:r></w:p></w:footnotes>`)
	rec, report := readBytes(t, doc, "a.docx", Limits{})
	if len(report.Unread) > 0 {
		t.Errorf("unread: %v", report.Unread)
	}
	if want := "山本花乃\t電話\n漢字消した 03-0000-0101\n箱の中\n"; rec.texts[""] != want {
		t.Errorf("%q, want %q", rec.texts[""], want)
	}
	if got := rec.tables[""]; len(got) != 2 || !slices.Equal(got[1], []string{"佐久間 中の表", "x"}) {
		t.Errorf("%q", got)
	}
	if rec.texts["header1"] != "頭\n" || rec.texts["comments"] != "注 06-0000-0102\n" || rec.texts["footnotes"] != "脚\n" {
		t.Errorf("%q", rec.texts)
	}
}

// TestXMLBombs: entities of a document's own are refused, not followed.
func TestXMLBombs(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><w:p><w:t>&b;</w:t></w:p>`
	_, report := readBytes(t, makeZip(t, "[Content_Types].xml", "<Types/>", "word/document.xml", bomb), "a.docx", Limits{})
	if !slices.Contains(report.Unread, Unread{"word/document.xml", "", Damaged}) {
		t.Errorf("%+v", report)
	}
	open := strings.Repeat("<w:tbl><w:tr><w:tc>", 100_000)
	readQuietly(t, makeZip(t, "[Content_Types].xml", "<Types/>", "word/document.xml", open), "a.docx")
	readQuietly(t, makeZip(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:p "+strings.Repeat("a", 3<<20)), "a.docx")
}

// TestSQLite: all tables with the names of their columns, whatever their kind and encoding, and rows longer than a page.
func TestSQLite(t *testing.T) {
	long := strings.Repeat("東京都架空市緑町", 3000)
	for _, encoding := range []string{"UTF-8", "UTF-16le", "UTF-16be"} {
		data := makeDB(t, encoding,
			`CREATE TABLE 顧客 (id INTEGER PRIMARY KEY, "氏名, 姓" TEXT, 電話 TEXT DEFAULT ('x,y'), weight REAL, CHECK (weight > 0))`,
			`CREATE TABLE codes (code TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID`,
			`CREATE INDEX i ON 顧客 (電話)`,
			`INSERT INTO 顧客 VALUES (7, '山本花乃', '03-0000-0101', 51.5), (-3, '佐久間一太', x'30362d303030302d30313032', 60)`,
			`INSERT INTO 顧客 VALUES (9, '`+long+`', NULL, 1)`,
			`INSERT INTO codes VALUES ('a', 'あ'), ('b', 'い')`,
			`WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i+1 FROM n WHERE i < 3099) INSERT INTO 顧客 SELECT i, 'N' || i, '', 1 FROM n`)
		rec, report := readBytes(t, data, "a.db", Limits{})
		if len(report.Unread) > 0 {
			t.Errorf("%s: unread: %v", encoding, report.Unread)
		}
		if got := rec.heads["顧客"]; !slices.Equal(got, []string{"id", "氏名, 姓", "電話", "weight"}) {
			t.Errorf("%s: %q", encoding, got)
		}
		rows := rec.tables["顧客"]
		for _, want := range [][]string{{"7", "山本花乃", "03-0000-0101", "51.5"}, {"-3", "佐久間一太", "06-0000-0102", "60"}, {"9", long, "", "1"}, {"3099", "N3099", "", "1"}} {
			if !slices.ContainsFunc(rows, func(r []string) bool { return slices.Equal(r, want) }) {
				t.Errorf("%s: %.60q is not there", encoding, want)
			}
		}
		if len(rows) != 3003 {
			t.Errorf("%s: %d rows", encoding, len(rows))
		}
		if got := rec.tables["codes"]; !slices.EqualFunc(got, [][]string{{"a", "あ"}, {"b", "い"}}, slices.Equal) {
			t.Errorf("%s: %q", encoding, got)
		}
		for at := 0; at < len(data); at += len(data) / 60 {
			bad := bytes.Clone(data)
			for i := range 6 {
				bad[(at+i*13)%len(bad)] ^= 0xff
			}
			readQuietly(t, bad, "a.db")
			readQuietly(t, data[:at], "a.db")
		}
	}
}

// makeDB is a database of pages of 1 KiB, made by SQLite.
func makeDB(t testing.TB, encoding string, statements ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, s := range append([]string{"PRAGMA encoding='" + encoding + "'", "PRAGMA page_size=1024"}, statements...) {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// counting takes rows and forgets them.
type counting struct{ rows, cells int }

func (c *counting) Text(_ context.Context, _ string, r io.Reader, _ pii.Hint) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
func (c *counting) Table(string) pii.Rows { return c }
func (c *counting) Header([]string)       {}
func (c *counting) Row(cells []string, _ pii.Place) {
	c.rows++
	c.cells += len(cells)
}

// largeSheet is a workbook of so many rows of five cells.
func largeSheet(t testing.TB, rows int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("[Content_Types].xml")
	if err == nil {
		_, err = io.WriteString(w, "<Types/>")
	}
	if err != nil {
		t.Fatal(err)
	}
	if w, err = z.Create("xl/workbook.xml"); err == nil {
		_, err = io.WriteString(w, "<workbook/>")
	}
	if err != nil {
		t.Fatal(err)
	}
	if w, err = z.Create("xl/worksheets/sheet1.xml"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "<worksheet><sheetData>"); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= rows; i++ {
		_, err := fmt.Fprintf(w, `<row r="%d"><c r="A%d" t="inlineStr"><is><t>山本%d</t></is></c><c r="B%d"><v>%d</v></c><c r="C%d" t="inlineStr"><is><t>03-0000-%04d</t></is></c><c r="D%d"><v>30808</v></c><c r="E%d" t="inlineStr"><is><t>東京都架空市緑町%d</t></is></c></row>`,
			i, i, i, i, i*7, i, i%10_000, i, i, i)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, "</sheetData></worksheet>"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMillionRows: a sheet of a million rows needs no more memory than one of a few.
func TestMillionRows(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds")
	}
	data := largeSheet(t, 1_000_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sink := &counting{}
	report, err := NewReader(Options{}).File(t.Context(), bytes.NewReader(data), "a.xlsx", Limits{}, sink)
	if err != nil || len(report.Unread) > 0 || sink.rows != 1_000_000 || sink.cells != 5_000_000 {
		t.Fatalf("%+v %v %+v", report, err, sink)
	}
	runtime.ReadMemStats(&after)
	if more := int64(after.HeapSys) - int64(before.HeapSys); more > 64<<20 {
		t.Errorf("the heap grew by %d MiB", more>>20)
	}
}

func BenchmarkSheet(b *testing.B) {
	data := largeSheet(b, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		report, err := NewReader(Options{}).File(b.Context(), bytes.NewReader(data), "a.xlsx", Limits{}, &counting{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(report.Bytes)
	}
}

// BenchmarkChild is what a document costs by way of a child, and the most memory that the child ever held.
func BenchmarkChild(b *testing.B) {
	documents := map[string][]byte{"100000 rows.xlsx": largeSheet(b, 100_000)}
	for _, name := range []string{"letter.docx", "list.xlsx", "letter.pdf", "letter.doc"} {
		documents[name] = fixture(b, name)
	}
	for name, data := range documents {
		b.Run(name, func(b *testing.B) {
			c := newChild(b, func(o *ChildOptions) { o.Cache, o.Files = compiled(b), 1<<30 })
			for b.Loop() {
				if _, err := c.File(b.Context(), bytes.NewReader(data), name, Limits{}, &counting{}); err != nil {
					b.Fatal(err)
				}
			}
			if most := peak(c.proc.cmd.Process.Pid); most > 0 {
				b.ReportMetric(float64(most)/1024, "child-MiB")
			}
		})
	}
}

// peak is the most memory that a process has held, in KiB; 0 where the system does not tell.
func peak(pid int) (kib int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib
}
