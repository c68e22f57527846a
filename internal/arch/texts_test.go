package arch

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryTextIsUsed: a text of the catalogue that no code and no template names is
// dead. A text whose id is put together counts when its beginning, up to a dot or an
// underscore, stands in quotes somewhere.
func TestEveryTextIsUsed(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".html" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		source.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	quoted := map[string]bool{}
	for i, part := range strings.Split(source.String(), `"`) {
		if i > 0 && len(part) < 80 {
			quoted[part] = true
		}
	}
	files, err := filepath.Glob("../kit/i18n/catalogue/*.ja.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d catalogue files, %v", len(files), err)
	}
	for _, f := range files {
		if filepath.Base(f) == "fault.ja.json" {
			continue // the common refusals, kept whole; the catalogue's own test lists them
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]any
		if err := json.Unmarshal(b, &texts); err != nil {
			t.Fatal(err)
		}
		for id := range texts {
			if !named(quoted, id) {
				t.Errorf("%s: nothing shows %q", filepath.Base(f), id)
			}
		}
	}
}

func named(quoted map[string]bool, id string) bool {
	for i := range id {
		if (id[i] == '.' || id[i] == '_') && quoted[id[:i+1]] {
			return true
		}
	}
	return quoted[id]
}
