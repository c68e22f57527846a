package mailin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"sekimori/internal/domain/incident"
)

// FuzzRead: whatever comes is read without harm: everything is text that can be stored, and
// nothing is larger than the mail made it.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d mails, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := read(raw)
		sender := senderOf(m.head)
		total := 0
		for _, x := range m.files {
			total += len(x.body)
			if !utf8.ValidString(x.name) || len(x.body) == 0 {
				t.Errorf("file %q of %d bytes", x.name, len(x.body))
			}
		}
		if total > len(raw) || len(m.files) > maxFiles {
			t.Errorf("%d files of %d bytes from a mail of %d", len(m.files), total, len(raw))
		}
		words := clean(m.words())
		for _, s := range []string{words, sender.name, sender.address, clean(m.head.text("subject"))} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) && s != sender.name {
				t.Errorf("%q", s)
			}
		}
		if id := messageID(m.head.get("message-id")); strings.ContainsAny(id, "\r\n<> ") {
			t.Errorf("id %q", id)
		}
		if k, _ := kindOf(m.head.text("subject"), nil, incident.Complaint); !k.Valid() {
			t.Errorf("kind %q", k)
		}
	})
}
