package seal_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/seal"
	"sekimori/internal/testkit/openers"
	"sekimori/internal/testkit/poppler"
)

// password is what the tests seal with; wrong is another one.
const (
	password = "tk4h-8mwe-3xyd-jr7p-bn2a"
	wrong    = "tk4h-8mwe-3xyd-jr7p-bn2c"
)

// tree writes files into a new folder and gives its path.
func tree(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// read gives the files of a folder.
func read(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[p], err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(p)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// samples have every size around a block and around what is encrypted at once.
func samples() map[string][]byte {
	return map[string][]byte{
		"名簿/顧客一覧（2026年）.csv": []byte("氏名,電話\n架空 太郎,000\n"),
		"名簿/空.txt":           {},
		"名簿/ー①髙﨑.bin":        noise(15),
		"one block.bin":      noise(16),
		"a~b.bin":            noise(17),
		"large.bin":          noise(256<<10 + 1),
		"larger.bin":         noise(3<<20 + 5),
	}
}

func TestZipOpensWithSevenZip(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	for name, job := range map[string]seal.Job{
		"names hidden":             {},
		"names shown":              {ShowNames: true},
		"names hidden, compressed": {Compress: true},
		"names shown, compressed":  {ShowNames: true, Compress: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, out := tree(t, samples()), filepath.Join(t.TempDir(), "持ち出し.zip")
			job.Format, job.Paths, job.Out, job.Password = seal.Zip, []string{dir}, out, password
			m, err := seal.Seal(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if m.Files() != len(samples()) || m.Method.NamesHidden == job.ShowNames {
				t.Errorf("%d files, %+v", m.Files(), m.Method)
			}
			raw, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if shown := bytes.Contains(raw, []byte("顧客一覧")); shown != job.ShowNames {
				t.Errorf("a name can be read: %v", shown)
			}
			list, err := openers.Run(t, "/", openers.SevenZip, "l", "-slt", out)
			if err != nil || !strings.Contains(list, "AES-256") || strings.Contains(list, "Encrypted = -\nMethod") {
				t.Errorf("%v\n%s", err, list)
			}
			if list, err := openers.Run(t, "/", openers.SevenZip, "t", "-p"+password, out); err != nil || strings.Contains(list, "WARN") {
				t.Errorf("%v\n%s", err, list)
			}
			opened, err := openers.Unzip(t, out, password)
			if err != nil {
				t.Fatal(err)
			}
			if !job.ShowNames {
				if opened, err = openers.Unzip(t, filepath.Join(opened, "contents.zip"), "none"); err != nil {
					t.Fatal(err)
				}
			}
			got := map[string][]byte{}
			for name, data := range read(t, opened) {
				got[strings.TrimPrefix(name, filepath.Base(dir)+"/")] = data
			}
			if diff := cmp.Diff(samples(), got); diff != "" {
				t.Error(diff[:min(len(diff), 800)])
			}
			if _, err := openers.Unzip(t, out, wrong); err == nil {
				t.Error("another password opened it")
			}
		})
	}
}

func TestOfficeOpensElsewhere(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	office := openers.NewOffice(t)
	made := documents(t, office, "見積書.docx", "売上.xlsx", "説明.pptx")
	for name, filter := range map[string]string{"見積書.docx": "Text", "売上.xlsx": "calc_pdf_Export", "説明.pptx": "impress_pdf_Export"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, map[string][]byte{name: made[name]})
			to := t.TempDir()
			m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Office, Paths: []string{filepath.Join(dir, name)}, Out: to, Password: password})
			if err != nil {
				t.Fatal(err)
			}
			file := m.Outputs[0].Path
			plain, err := openers.Unlock(t, file, password)
			if err != nil || !bytes.Equal(plain, made[name]) {
				t.Errorf("msoffcrypto-tool gives %d bytes of %d: %v", len(plain), len(made[name]), err)
			}
			if _, err := openers.Unlock(t, file, wrong); err == nil {
				t.Error("another password opened it")
			}
			text, err := office.Convert(t, file, password, filter)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(filter, "pdf_Export") {
				text = []byte(poppler.Text(t, text))
			}
			if !bytes.Contains(text, []byte("架空の見積り")) {
				t.Errorf("LibreOffice reads %q", text)
			}
		})
	}
}

func TestPDFOpensWithQPDF(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	for name, raw := range map[string][]byte{"書類.pdf": documents(t, openers.NewOffice(t), "書類.pdf")["書類.pdf"], "labels.pdf": labels(t), "old.pdf": oldPDF("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, map[string][]byte{name: raw})
			m, err := seal.Seal(t.Context(), seal.Job{Format: seal.PDF, Paths: []string{filepath.Join(dir, name)}, Password: password})
			if err != nil {
				t.Fatal(err)
			}
			file := m.Outputs[0].Path
			said, err := openers.Run(t, dir, openers.QPDF, "--show-encryption", "--password="+password, file)
			if err != nil || !strings.Contains(said, "R = 6") || !strings.Contains(said, "stream encryption method: AESv3") {
				t.Errorf("%v\n%s", err, said)
			}
			if said, err := openers.Run(t, dir, openers.QPDF, "--check", "--password="+password, file); err != nil || strings.Contains(said, "WARNING") {
				t.Errorf("%v\n%s", err, said)
			}
			if _, err := openers.Run(t, dir, openers.QPDF, "--check", "--password="+wrong, file); err == nil {
				t.Error("another password opened it")
			}
			plain := filepath.Join(dir, "plain.pdf")
			if said, err := openers.Run(t, dir, openers.QPDF, "--decrypt", "--password="+password, file, plain); err != nil {
				t.Fatal(said)
			}
			opened, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			if want, got := poppler.Text(t, raw), poppler.Text(t, opened); want != got || strings.TrimSpace(want) == "" {
				t.Errorf("it says %q, not %q", got, want)
			}
		})
	}
}

func TestAgeOpensWithAge(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	keys := t.TempDir()
	if said, err := openers.Run(t, keys, "age-keygen", "-o", "key.txt"); err != nil {
		t.Fatal(said)
	}
	public, err := openers.Run(t, keys, "age-keygen", "-y", "key.txt")
	if err != nil {
		t.Fatal(public)
	}
	dir, out := tree(t, samples()), filepath.Join(t.TempDir(), "out.age")
	m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Age, Paths: []string{dir}, Out: out, Recipients: []string{strings.TrimSpace(public)}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Method.Iterations != 0 || !m.Method.NamesHidden {
		t.Errorf("%+v", m.Method)
	}
	inner := filepath.Join(keys, "opened.zip")
	if said, err := openers.Run(t, keys, openers.AgeProgram, "-d", "-i", "key.txt", "-o", inner, out); err != nil {
		t.Fatal(said)
	}
	opened, err := openers.Unzip(t, inner, "none")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(opened, filepath.Base(dir))); !cmp.Equal(got, samples()) {
		t.Error("what age opened is something else")
	}
}

// documents are made by LibreOffice, each with the same sentence in it.
func documents(t testing.TB, office *openers.Office, only ...string) map[string][]byte {
	t.Helper()
	made := map[string][]byte{}
	for name, d := range map[string]struct{ from, body, filter string }{
		"見積書.docx": {"a.fodt", `<office:text><text:p>架空の見積り</text:p></office:text>`, "MS Word 2007 XML"},
		"売上.xlsx":  {"a.fods", `<office:spreadsheet><table:table table:name="A"><table:table-row><table:table-cell office:value-type="string"><text:p>架空の見積り</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>`, "Calc MS Excel 2007 XML"},
		"説明.pptx":  {"a.fodp", `<office:presentation><draw:page draw:name="A"><draw:frame svg:x="1cm" svg:y="1cm" svg:width="9cm" svg:height="3cm"><draw:text-box><text:p>架空の見積り</text:p></draw:text-box></draw:frame></draw:page></office:presentation>`, "Impress MS PowerPoint 2007 XML"},
		"書類.pdf":   {"a.fodt", `<office:text><text:p>架空の見積り</text:p><text:p><text:a xlink:href="https://kaku.example/">link</text:a></text:p></office:text>`, "writer_pdf_Export"},
	} {
		if !slices.Contains(only, name) {
			continue
		}
		dir := tree(t, map[string][]byte{d.from: []byte(flat(d.from, d.body))})
		b, err := office.Convert(t, filepath.Join(dir, d.from), "", d.filter)
		if err != nil {
			t.Fatal(err)
		}
		made[name] = b
	}
	return made
}

// flat is an OpenDocument file in one piece of XML.
func flat(name, body string) string {
	kind := map[string]string{".fodt": "text", ".fods": "spreadsheet", ".fodp": "presentation"}[filepath.Ext(name)]
	return `<?xml version="1.0" encoding="UTF-8"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.` + kind + `"><office:body>` + body + `</office:body></office:document>`
}
