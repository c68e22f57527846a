package seal_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sekimori/internal/seal"
	"sekimori/internal/testkit/openers"
)

// smallDocument is one that is shorter than what a compound file keeps in sectors of its own.
func smallDocument(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("[Content_Types].xml")
	if err == nil {
		_, err = w.Write([]byte(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOfficeOfEverySize has packages in the mini stream, at its edge, with one FAT sector,
// with several, and with so many that a list of them is needed.
func TestOfficeOfEverySize(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	small := smallDocument(t)
	for _, n := range []int{0, 4096 - 8 - 16, 4096 - 8, 4096 - 7, 60_000, 70_000, 8 << 20} {
		doc := small
		if n > len(small) { // a ZIP file may have anything in front
			doc = append(noise(n-len(small)), small...)
		}
		dir := tree(t, map[string][]byte{"a.docx": doc})
		m, err := seal.Seal(t.Context(), seal.Job{Format: seal.Office, Paths: []string{filepath.Join(dir, "a.docx")}, Password: password})
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		plain, err := openers.Unlock(t, m.Outputs[0].Path, password)
		if err != nil || !bytes.Equal(plain, doc) {
			t.Errorf("%d: msoffcrypto-tool gives %d bytes of %d: %v", n, len(plain), len(doc), err)
		}
		whole(t, m.Outputs[0].Path)
	}
}

// TestLook believes nothing that only calls itself sealed.
func TestLook(t *testing.T) {
	t.Parallel()
	openers.Need(t)
	dir := tree(t, map[string][]byte{"a.txt": noise(100), "b.txt": noise(100), "old.pdf": oldPDF(""), "age.txt": []byte("age-encryption.org/v2\n"),
		"fake.pdf": oldPDF("/X(/Filter/Standard/R 6)"), "cfb": append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 600)...)})
	run := func(name string, args ...string) {
		t.Helper()
		if said, err := openers.Run(t, dir, name, args...); err != nil {
			t.Fatal(said)
		}
	}
	run(openers.SevenZip, "a", "-tzip", "-mem=AES256", "-p"+password, "strong.zip", "a.txt")
	run(openers.SevenZip, "a", "-tzip", "-mem=AES128", "-p"+password, "aes128.zip", "a.txt")
	run(openers.SevenZip, "a", "-tzip", "-mem=ZipCrypto", "-p"+password, "zipcrypto.zip", "a.txt")
	run(openers.SevenZip, "a", "-tzip", "plain.zip", "a.txt")
	run(openers.SevenZip, "a", "-tzip", "-mem=AES256", "-p"+password, "mixed.zip", "a.txt")
	run(openers.SevenZip, "a", "-tzip", "mixed.zip", "b.txt")
	run(openers.QPDF, "--encrypt", password, password, "256", "--", "old.pdf", "strong.pdf")
	run(openers.QPDF, "--encrypt", "", password, "256", "--", "old.pdf", "openable.pdf")
	run(openers.QPDF, "--encrypt", password, password, "128", "--use-aes=y", "--", "old.pdf", "aes128.pdf")
	none := seal.Found{}
	for name, want := range map[string]seal.Found{
		"strong.zip":    {Format: seal.Zip, Sealed: true},
		"aes128.zip":    {Format: seal.Zip, Weak: true},
		"zipcrypto.zip": {Format: seal.Zip, Weak: true},
		"plain.zip":     {Format: seal.Zip},
		"mixed.zip":     {Format: seal.Zip},
		"strong.pdf":    {Format: seal.PDF, Sealed: true},
		"openable.pdf":  {Format: seal.PDF, Weak: true},
		"aes128.pdf":    {Format: seal.PDF, Weak: true},
		"old.pdf":       {Format: seal.PDF},
		"fake.pdf":      {Format: seal.PDF},
		"a.txt":         none,
		"age.txt":       none,
		"cfb":           none,
	} {
		if got := look(t, filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// FuzzLook: nothing that a stranger sends makes it stop, or panic.
func FuzzLook(f *testing.F) {
	dir := tree(f, map[string][]byte{"a.docx": smallDocument(f), "a.pdf": oldPDF("")})
	for _, job := range []seal.Job{{Format: seal.Office, Paths: []string{filepath.Join(dir, "a.docx")}}, {Format: seal.PDF, Paths: []string{filepath.Join(dir, "a.pdf")}}, {Format: seal.Zip, Paths: []string{dir}}} {
		job.Password = password
		m, err := seal.Seal(f.Context(), job)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := os.ReadFile(m.Outputs[0].Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := seal.Look(bytes.NewReader(raw), int64(len(raw)))
		if err != nil || found.Sealed && found.Weak {
			t.Errorf("%+v, %v", found, err)
		}
	})
}
