package read

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"sekimori/internal/pii"
)

// recorder keeps what a reader hands on.
type recorder struct {
	texts  map[string]string
	tables map[string][][]string
	heads  map[string][]string
	fail   error
}

func newRecorder() *recorder {
	return &recorder{texts: map[string]string{}, tables: map[string][][]string{}, heads: map[string][]string{}}
}

func (r *recorder) Text(_ context.Context, part string, in io.Reader, _ pii.Hint) error {
	if r.fail != nil {
		return r.fail
	}
	b, err := io.ReadAll(in)
	r.texts[part] += string(b)
	return err
}

func (r *recorder) Table(part string) pii.Rows { return &recordedRows{r, part} }

type recordedRows struct {
	r    *recorder
	part string
}

func (t *recordedRows) Header(cells []string) { t.r.heads[t.part] = slices.Clone(cells) }

func (t *recordedRows) Row(cells []string, _ pii.Place) {
	t.r.tables[t.part] = append(t.r.tables[t.part], slices.Clone(cells))
}

// all is everything that was handed on, for looking whether something is in it.
func (r *recorder) all() string {
	var b strings.Builder
	for part, text := range r.texts {
		fmt.Fprintf(&b, "[%s] %s\n", part, text)
	}
	for part, rows := range r.tables {
		for _, row := range rows {
			fmt.Fprintf(&b, "[%s] %s\n", part, strings.Join(row, " | "))
		}
	}
	return b.String()
}

// readBytes reads a file in this process.
func readBytes(t testing.TB, data []byte, name string, limits Limits) (*recorder, Report) {
	t.Helper()
	rec := newRecorder()
	r := NewReader(Options{Temp: t.TempDir(), Cache: compiled(t)})
	report, err := r.File(t.Context(), bytes.NewReader(data), name, limits, rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return rec, report
}

// compiled is the folder that the tests of this package share for the compiled PDF reader.
func compiled(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("sekimori-read-test-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFormats: what is in a document is found in it, whichever program's format it is in.
func TestFormats(t *testing.T) {
	list := []string{"山本 花乃", "ヤマモト ハナノ", "1984-05-06", "03-0000-0101", "大阪府見本市南町4-5-6"}
	letter := []string{"山本花乃様の電話番号は", "佐久間一太", "06-0000-0102", "東京都架空市緑町1-2-3"}
	kinds := map[string]Kind{".xlsx": XLSX, ".xls": XLS, ".ods": ODF, ".odt": ODF, ".odp": ODF, ".docx": DOCX, ".doc": DOC, ".rtf": RTF, ".pdf": PDF,
		".pptx": PPTX, ".gz": Gzip, ".tgz": Gzip, ".7z": SevenZip, ".xz": XZ, ".zst": Zstd, ".bz2": Bzip2}
	printed := []string{"山本花乃様の電話番号は", "佐久間一太 06-0000-0102", "東京都架空市緑町 1-2-3"}
	slides := []string{"山本花乃 03-0000-0101", "佐久間一太", "発表者ノート 06-0000-0102"}
	archive := []string{"名簿.txt] 氏名\t電話番号", "山本 花乃", "list.xlsx › list"}
	for name, wants := range map[string][]string{
		"list.xlsx": list, "list.xls": list, "list.ods": {"山本 花乃", "ヤマモト ハナノ", "03-0000-0101", "大阪府見本市南町4-5-6"},
		"letter.docx": letter, "letter.odt": letter, "letter.doc": letter, "letter.rtf": letter, "letter.pdf": printed,
		"slides.pptx": slides, "slides.odp": slides, "slides.ppt.gz": slides,
		"enc-owner.pdf": printed, "attach.pdf": append(printed, "plain.txt] 氏名"),
		"a-LZMA2.7z": archive, "a-PPMd.7z": archive, "a-BZip2.7z": archive, "a-Deflate.7z": archive, "a-Copy.7z": archive,
		"d.tar.xz": archive, "d.tar.zst": archive, "d.tar.bz2": archive, "d.tgz": archive,
	} {
		t.Run(name, func(t *testing.T) {
			rec, report := readBytes(t, fixture(t, name), name, Limits{})
			if len(report.Unread) > 0 {
				t.Errorf("unread: %v", report.Unread)
			}
			if want, ok := kinds[filepath.Ext(name)]; ok && report.Kind != want {
				t.Errorf("it is %s, not %s", want, report.Kind)
			}
			for _, want := range wants {
				if !strings.Contains(rec.all(), want) {
					t.Errorf("%q is not in\n%s", want, rec.all())
				}
			}
		})
	}
}

// TestTables: rows come as rows, with their cells in their columns.
func TestTables(t *testing.T) {
	for name, part := range map[string]string{"list.xlsx": "list", "list.xls": "list", "list.ods": "list", "letter.docx": "", "letter.odt": "Table1"} {
		rec, _ := readBytes(t, fixture(t, name), name, Limits{})
		rows := rec.tables[part]
		if len(rows) < 2 || rows[0][0] != "氏名" || !slices.Contains(rows[0], "電話番号") || strings.ReplaceAll(rows[len(rows)-1][0], " ", "") != "佐久間一太" {
			t.Errorf("%s: %q in %q", name, rows, rec.tables)
		}
	}
}

// TestNotRead: what cannot be read is named with the reason, and never in silence.
func TestNotRead(t *testing.T) {
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)
	doc := bytes.Clone(fixture(t, "letter.doc"))
	doc[bytes.Index(doc, []byte{0xec, 0xa5, 1, 1})+11] |= 1 // fEncrypted
	xls := bytes.Clone(fixture(t, "list.xls"))
	at := bytes.Index(xls, []byte{0x22, 0, 2, 0}) // DATEMODE becomes FILEPASS
	xls[at] = 0x2f
	for _, c := range []struct {
		name string
		data []byte
		part string
		why  Reason
	}{
		{"enc-user.pdf", fixture(t, "enc-user.pdf"), "", Encrypted},
		{"enc-names.7z", fixture(t, "enc-names.7z"), "", Encrypted},
		{"enc-data.7z", fixture(t, "enc-data.7z"), "list.xlsx", Encrypted},
		{"enc-aes.zip", fixture(t, "enc-aes.zip"), "list.xlsx", Encrypted},
		{"enc-legacy.zip", fixture(t, "enc-legacy.zip"), "list.xlsx", Encrypted},
		{"lzma.zip", fixture(t, "lzma.zip"), "list.xlsx", Unsupported},
		{"enc-agile.docx", fixture(t, "enc-agile.docx"), "", Encrypted},
		{"enc.age", []byte("age-encryption.org/v1\n-> scrypt x 18\nx\n--- x\n\x01\x02\xfe"), "", Encrypted},
		{"enc.asc", []byte("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n"), "", Encrypted},
		{"enc.xlsx", makeCFB(map[string][]byte{"EncryptionInfo": []byte("agile"), "EncryptedPackage": make([]byte, 9000)}), "", Encrypted},
		{"enc.doc", doc, "", Encrypted},
		{"enc.xls", xls, "", Encrypted},
		{"enc.ods", makeZip(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml", "\x01\x02", "META-INF/manifest.xml",
			`<m:manifest xmlns:m="urn:x"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>`), "", Encrypted},
		{"old.xls", makeCFB(map[string][]byte{"Book": make([]byte, 5000)}), "", OldFormat},
		{"old.doc", []byte("\xdb\xa5-\x00" + strings.Repeat("\x00", 600)), "", OldFormat},
		{"photo.png", png, "", Unsupported},
		{"photo in a box.zip", makeZip(t, "a/写真.png", string(png)), "a/写真.png", Unsupported},
		{"table.xlsb", makeZip(t, "[Content_Types].xml", "<a/>", "xl/workbook.bin", "\x00\x01", "xl/worksheets/sheet1.bin", "\x00"), "workbook.bin", Unsupported},
		{"setup.exe", append([]byte("MZ"), make([]byte, 500)...), "", Unsupported},
		{"zeros", make([]byte, 4096), "", Unsupported},
		{"not.pdf", []byte("%PDF-1.7\nnothing behind it"), "", Damaged},
		{"not.zip", []byte("PK\x03\x04nothing behind it\x00\x00\x00"), "", Damaged},
	} {
		_, report := readBytes(t, c.data, c.name, Limits{})
		if !slices.ContainsFunc(report.Unread, func(u Unread) bool { return u.Part == c.part && u.Reason == c.why }) {
			t.Errorf("%s: want %q %s, got %+v", c.name, c.part, c.why, report)
		}
	}
}

// TestLimits: each limit stops what it is for, and names itself.
func TestLimits(t *testing.T) {
	nested := []byte("山本花乃")
	for range 50 {
		nested = makeZip(t, "inner.zip", string(nested))
	}
	many := make([]string, 0, 400)
	for i := range 200 {
		many = append(many, fmt.Sprintf("%d.txt", i), "x")
	}
	zeros := makeZeros(t, 600<<20)
	flat := makeZip(t, "a.gz", string(makeGzip(t, zeros)))
	for _, c := range []struct {
		name   string
		data   []byte
		limits Limits
		part   string
		why    Reason
	}{
		{"nested.zip", nested, Limits{}, strings.TrimSuffix(strings.Repeat("inner.zip › ", 9), " › "), TooDeep},
		{"many.zip", makeZip(t, many...), Limits{Parts: 100}, "", TooManyParts},
		{"many.tar", makeTar(t, many...), Limits{Parts: 100}, "", TooManyParts},
		{"zeros.gz", zeros, Limits{}, "", TooLarge},                             // by the ratio
		{"zeros.gz", zeros, Limits{Ratio: 5000, Bytes: 80 << 20}, "", TooLarge}, // by the bytes
		{"zeros in a box.zip", flat, Limits{}, "", TooLarge},
		{"rows.ods", makeZip(t, "mimetype", "x", "content.xml", "<a>"+strings.Repeat("<table><table-row><table-cell><p>a</p></table-cell></table-row></table>", 30)+"</a>"), Limits{Rows: 20}, "", TooLarge},
	} {
		_, report := readBytes(t, c.data, c.name, c.limits)
		if !slices.ContainsFunc(report.Unread, func(u Unread) bool { return u.Part == c.part && u.Reason == c.why }) {
			t.Errorf("%s: want %q %s, got %+v", c.name, c.part, c.why, report)
		}
	}
}

// TestWholePartTooLarge: a PDF in an archive must lie whole somewhere; too large a one is named, what is behind it read.
func TestWholePartTooLarge(t *testing.T) {
	pdf := "%PDF-1.7\n" + strings.Repeat("\x00x", 10<<20)
	rec, report := readBytes(t, makeZip(t, "big.pdf", pdf, "later.txt", "山本花乃"), "a.zip", Limits{Whole: 17 << 20})
	if want := (Unread{"big.pdf", PDF, TooLarge}); !slices.Contains(report.Unread, want) {
		t.Errorf("%+v", report)
	}
	if rec.texts["later.txt"] != "山本花乃" {
		t.Errorf("what lies behind it was not read: %q", rec.texts)
	}
}

// TestOverlappingZip: members that share their bytes cost what they unpack to, not what they take.
func TestOverlappingZip(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("0")
	if err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte("0000000000000000000000000000000\n"), 1<<15)
	for range 20 {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	dir := bytes.Index(raw, []byte("PK\x01\x02"))
	end := bytes.Index(raw, []byte("PK\x05\x06"))
	entry, tail := raw[dir:end], bytes.Clone(raw[end:])
	const copies = 1000
	out := bytes.Clone(raw[:dir])
	for range copies {
		out = append(out, entry...)
	}
	tail[8], tail[9], tail[10], tail[11] = copies&0xff, copies>>8, copies&0xff, copies>>8
	size := copies * len(entry)
	tail[12], tail[13], tail[14], tail[15] = byte(size), byte(size>>8), byte(size>>16), 0
	_, report := readBytes(t, append(out, tail...), "bomb.zip", Limits{Ratio: 100})
	if report.Reason() != TooLarge {
		t.Errorf("%+v", report)
	}
}

// TestTime: what takes longer than allowed is named, and what was read until then stays.
func TestTime(t *testing.T) {
	src := &slowSource{Reader: bytes.NewReader(makeZip(t, "a.txt", "山本", "b.txt", "佐久間"))}
	report, err := NewReader(Options{}).File(t.Context(), src, "a.zip", Limits{Time: 20 * time.Millisecond}, newRecorder())
	if err != nil || report.Reason() != TooLong {
		t.Errorf("%+v %v", report, err)
	}
}

type slowSource struct{ *bytes.Reader }

func (s *slowSource) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(15 * time.Millisecond)
	return s.Reader.ReadAt(p, off)
}

func TestSinkAndContext(t *testing.T) {
	own := errors.New("enough")
	rec := newRecorder()
	rec.fail = own
	if _, err := NewReader(Options{}).File(t.Context(), strings.NewReader("山本"), "a.txt", Limits{}, rec); !errors.Is(err, own) {
		t.Errorf("the sink's error came back as %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewReader(Options{}).File(ctx, strings.NewReader("山本"), "a.txt", Limits{}, newRecorder()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled reading ended with %v", err)
	}
}

// TestNamesInZip: names in the code page of Japanese Windows are shown as they are meant.
func TestNamesInZip(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().String("顧客名簿.txt")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: sjis, NonUTF8: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "山本"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	rec, _ := readBytes(t, b.Bytes(), "a.zip", Limits{})
	if rec.texts["顧客名簿.txt"] != "山本" {
		t.Errorf("%q", rec.texts)
	}
}

// TestPlaces: a place is shown to people; what steers a terminal or turns the writing does not get into it.
func TestPlaces(t *testing.T) {
	for name, want := range map[string]string{
		"名簿.xlsx":                 "a.zip › 名簿.xlsx",
		"\x1b[31mred\n":           "a.zip › �[31mred�",
		"invoice\u202etxt.exe":    "a.zip › invoice�txt.exe",
		"\xff\xfe":                "a.zip › ��",
		"":                        "a.zip",
		strings.Repeat("長", 9999): "a.zip › " + strings.Repeat("長", maxPartName) + "…",
	} {
		if got := within("a.zip", name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestSniff(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte("氏名,電話番号\r\n山本,03-0000-0101\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		head, name string
		want       Kind
	}{
		{"", "a.pdf", Empty},
		{"氏名,電話\n", "a.csv", Text},
		{string(sjis), "a.csv", Text},
		{"\x1b$B;3K\\\x1b(B\n", "a.txt", Text},
		{"\xff\xfe\x0f\x5c\x2c\x67", "a.txt", Text},
		{"\x0f\x5c\x2c\x67\x0d\x00\x0a\x00\x0f\x5c\x2c\x67\x0d\x00\x0a\x00", "a.txt", Text}, // UTF-16 without a mark
		{"a\x00b\x00c\x00,\x00d\x00", "a.csv", Text},
		{"MZ is a good beginning for a text", "a.txt", Text},
		{"BM too", "a.txt", Text},
		{"GIF89a is the name of a format", "a.txt", Text},
		{"From: a@example.com\nTo: b@example.com\nSubject: x\n\nhi", "x", Mail},
		{"Subject: a note\n\nhi", "x.eml", Mail},
		{"Note: this is\nno mail: at all\n", "x.txt", Text},
		{"From a@example.com Mon Nov 23 00:00:00 2026\nFrom: a@example.com\nTo: x\n\nhi\n", "x", Mbox},
		{"From here on it is a novel\nwithout a header\n", "x", Text},
		{"<!DOCTYPE html><p>", "x", HTML},
		{"<?xml version='1.0'?><rows/>", "x", Text},
		{"{\\rtf1\\ansi", "x", RTF},
		{"\x00\x01\x02\x03\x04", "x.txt", Binary},
		{"RIFF....WEBPVP8 \x00", "x", Picture},
		{"\x00\x00\x00\x20ftypheic\x00\x00", "x", Picture},
	} {
		if got := Sniff([]byte(c.head), c.name); got != c.want {
			t.Errorf("%q %s: %s, want %s", c.head, c.name, got, c.want)
		}
	}
}

// TestDamaged: whatever is cut off from a file or changed in it, the reader neither falls over nor hangs, and a cut
// container is named.
func TestDamaged(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds")
	}
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(Options{Temp: t.TempDir(), Cache: compiled(t)})
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	limits := Limits{Time: 2 * time.Minute}
	for _, name := range names {
		data := fixture(t, filepath.Base(name))
		if name == "testdata/README.md" {
			continue
		}
		for i := range 60 {
			at := len(data) * i / 60
			if _, err := r.File(t.Context(), bytes.NewReader(data[:at]), name, limits, newRecorder()); err != nil {
				t.Fatalf("%s cut at %d: %v", name, at, err)
			}
			changed := bytes.Clone(data)
			for k := range 8 {
				changed[(at+k*at/7+k)%len(changed)] ^= byte(0xff - 30*k)
			}
			report, err := r.File(t.Context(), bytes.NewReader(changed), name, limits, newRecorder())
			if err != nil {
				t.Fatalf("%s changed at %d: %v", name, at, err)
			}
			if report.Reason() == TooLong {
				t.Errorf("%s changed at %d: takes too long", name, at)
			}
		}
		half, err := r.File(t.Context(), bytes.NewReader(data[:len(data)/2]), name, limits, newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		if len(half.Unread) == 0 && filepath.Ext(name) != ".rtf" {
			t.Errorf("%s: half of it passed for a whole one: %+v", name, half)
		}
	}
}

// Files made by code.

func makeZip(t testing.TB, namesAndContents ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(namesAndContents); i += 2 {
		w, err := z.Create(namesAndContents[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, namesAndContents[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeTar(t testing.TB, namesAndContents ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(namesAndContents); i += 2 {
		err := w.WriteHeader(&tar.Header{Name: namesAndContents[i], Size: int64(len(namesAndContents[i+1])), Mode: 0o600})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, namesAndContents[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeGzip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// makeZeros packs a text of so many bytes of which all lines are equal.
func makeZeros(t testing.TB, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	chunk := bytes.Repeat([]byte("0000000000000000000000000000000\n"), 1<<15)
	for range size / len(chunk) {
		if _, err := z.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
