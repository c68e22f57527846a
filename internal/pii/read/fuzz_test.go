package read

import (
	"bytes"
	"path/filepath"
	"testing"
)

// FuzzFile: whatever the bytes are, the reader comes back without an error of its own and without falling over; what a
// panic would be is told by the part that is damaged, so the parsers of this package are fuzzed bare below.
func FuzzFile(f *testing.F) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if filepath.Ext(name) != ".pdf" { // the engine behind it is not ours, and slow to start
			f.Add(fixture(f, filepath.Base(name)))
		}
	}
	f.Add([]byte(sampleMail(f)))
	f.Add(workbook2(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sniff(data, "") != PDF {
			readQuietly(t, data, "a.eml")
		}
	})
}

// bare runs one parser without the net that catches panics.
func bare(f *testing.F, name string, read func(b box, in input) error) {
	f.Add(fixture(f, name))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := &job{ctx: t.Context(), sink: newRecorder(), limits: Limits{Bytes: 16 << 20, Parts: 100, Rows: 10_000}.orDefault(), reader: NewReader(Options{}), packed: int64(len(data))}
		_ = read(box{job: j, name: name}, input{at: bytes.NewReader(data), size: int64(len(data))})
	})
}

func FuzzCFB(f *testing.F) { bare(f, "list.xls", readCFB) }
func FuzzDOC(f *testing.F) { bare(f, "letter.doc", readCFB) }
func FuzzRTF(f *testing.F) {
	bare(f, "letter.rtf", func(b box, in input) error { return readRTF(b, in.stream()) })
}
func FuzzXML(f *testing.F) {
	bare(f, "README.md", func(b box, in input) error { return readWords(b, "", newXML(in.stream())) })
}
func FuzzODF(f *testing.F) {
	bare(f, "README.md", func(b box, in input) error { return readODFText(b, "", newXML(in.stream())) })
}
func FuzzHTML(f *testing.F) {
	bare(f, "README.md", func(b box, in input) error { return readHTML(b, "", in.stream(), "") })
}
func FuzzMail(f *testing.F) {
	f.Add([]byte(sampleMail(f)))
	bare(f, "README.md", func(b box, in input) error { return readMail(b, in.stream()) })
}
func FuzzMbox(f *testing.F) {
	bare(f, "README.md", func(b box, in input) error { return readMbox(b, in.stream()) })
}
func FuzzLZFu(f *testing.F) {
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = unpackRTF(b, 1<<20) })
}
func FuzzSQLite(f *testing.F) {
	f.Add(makeDB(f, "UTF-8", "CREATE TABLE a (b TEXT, c INTEGER)", "INSERT INTO a VALUES ('山本', 7), (hex(zeroblob(2000)), 8)"))
	bare(f, "README.md", readSQLite)
}

// FuzzChildTalk: whatever a child says, the parent comes back.
func FuzzChildTalk(f *testing.F) {
	f.Add([]byte("t\x00\x00\x00\x02{}b\x00\x00\x00\x01xe\x00\x00\x00\x00T\x00\x00\x00\x00R\x00\x00\x00\x03\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, said []byte) {
		talk := &conversation{line: newLine(bytes.NewReader(said), &bytes.Buffer{}), src: bytes.NewReader([]byte("abc")), sink: newRecorder()}
		_ = talk.run(t.Context(), jobOrder{})
	})
}
