package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindSeesWhatTheGoCommandSees(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	fuzz := "package p\nimport \"testing\"\nfunc FuzzB(f *testing.F) {}\nfunc FuzzA(f *testing.F) {}\nfunc FuzzHelper(t *testing.T) {}\n"
	for name, text := range map[string]string{
		"go.mod":                  "module m\n",
		"a/a_test.go":             fuzz,
		"a/a.go":                  "package p\n",
		"a/old_test.go":           "//go:build never\n\n" + fuzz,
		"a/testdata/t_test.go":    fuzz,
		"own/go.mod":              "module own\n",
		"own/own_test.go":         fuzz,
		"b/c/method_test.go":      "package c\nimport \"testing\"\ntype s struct{}\nfunc (s) FuzzM(f *testing.F) {}\nfunc FuzzC(f *testing.F) {}\n",
		".hidden/hidden_test.go":  fuzz,
		"d/only_windows_test.txt": fuzz,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []target{{"./a", "FuzzA"}, {"./a", "FuzzB"}, {"./b/c", "FuzzC"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("targets (-want +got):\n%s", d)
	}
}
