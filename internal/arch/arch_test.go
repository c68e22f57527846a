package arch

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sources lists the Go files of the repository by their path from its root.
func sources(t *testing.T) (root string, names []string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(p)
		if d.IsDir() && p != "." && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_') {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(base, ".go") {
			names = append(names, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(names, "internal/arch/arch_test.go") {
		t.Fatalf("this test did not find itself below %s", root)
	}
	return root, names
}

func TestTheHouse(t *testing.T) {
	t.Parallel()
	root, names := sources(t)
	for _, name := range names {
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		found, err := check(name, src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, f := range found {
			t.Error(f)
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	t.Parallel()
	root, names := sources(t)
	has, shipped := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			shipped[path.Dir(name)] = true
		}
	}
	for _, name := range names {
		dir := path.Dir(name)
		// A folder that ships code documents it there; one of tests alone, in a test.
		if strings.HasSuffix(name, "_test.go") && shipped[dir] {
			continue
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		ok, err := documented(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		has[dir] = has[dir] || ok
	}
	for dir, ok := range has {
		if !ok {
			t.Errorf("%s: no file has a package comment that begins with %q", dir, "Package "+path.Base(dir))
		}
	}
}

func TestCheckCatches(t *testing.T) {
	t.Parallel()
	imports := func(paths ...string) string {
		return "package x\nimport (\n\"" + strings.Join(paths, "\"\n\"") + "\"\n)\n"
	}
	for _, tc := range []struct {
		name, file, src string
		want            string // part of the one complaint; empty when there is none
	}{
		{"kit to kit", "internal/kit/i18n/a.go", imports("sekimori/internal/kit/fault"), ""},
		{"kit to domain", "internal/kit/i18n/a.go", imports("sekimori/internal/domain/notice"), "internal/kit may not import internal/domain/notice; it may import only itself"},
		{"kit to a name like kit", "internal/kit/i18n/a.go", imports("sekimori/internal/kitchen"), "may not import internal/kitchen"},
		{"domain to leaves", "internal/domain/incident/a.go", imports("sekimori/internal/domain/access", "sekimori/internal/domain/directory", "sekimori/internal/domain/journal", "sekimori/internal/domain/notice", "sekimori/internal/kit/fault"), ""},
		{"domain to its own room", "internal/domain/incident/a.go", imports("sekimori/internal/domain/incident/steps"), ""},
		{"domain from its own room", "internal/domain/incident/steps/a.go", imports("sekimori/internal/domain/incident"), ""},
		{"domain to a neighbour", "internal/domain/incident/a.go", imports("sekimori/internal/domain/device"), "internal/domain/incident may not import internal/domain/device"},
		{"domain to store", "internal/domain/incident/a.go", imports("sekimori/internal/outbound/store"), "may not import internal/outbound/store"},
		{"journal to access", "internal/domain/journal/a.go", imports("sekimori/internal/domain/access"), "internal/domain/journal may not import"},
		{"access to journal", "internal/domain/access/a.go", imports("sekimori/internal/domain/journal"), ""},
		{"access to directory", "internal/domain/access/a.go", imports("sekimori/internal/domain/directory"), "internal/domain/access may not import"},
		{"directory to access", "internal/domain/directory/a.go", imports("sekimori/internal/domain/access", "sekimori/internal/domain/journal"), ""},
		{"directory to notice", "internal/domain/directory/a.go", imports("sekimori/internal/domain/notice"), "internal/domain/directory may not import"},
		{"notice to leaves", "internal/domain/notice/a.go", imports("sekimori/internal/domain/directory", "sekimori/internal/domain/access", "sekimori/internal/domain/journal"), ""},
		{"notice to incident", "internal/domain/notice/a.go", imports("sekimori/internal/domain/incident"), "internal/domain/notice may not import"},
		{"inbound to domain", "internal/inbound/web/incident/a.go", imports("sekimori/internal/domain/incident", "sekimori/internal/inbound/web/page", "net/http"), ""},
		{"inbound to inbound", "internal/inbound/web/a.go", imports("sekimori/internal/inbound/api"), "internal/inbound/web may not import internal/inbound/api"},
		{"inbound to outbound", "internal/inbound/api/a.go", imports("sekimori/internal/outbound/store"), "may not import internal/outbound/store"},
		{"outbound to domain", "internal/outbound/store/a.go", imports("sekimori/internal/domain/incident", "database/sql"), ""},
		{"outbound to inbound", "internal/outbound/mailout/a.go", imports("sekimori/internal/inbound/web"), "may not import internal/inbound/web"},
		{"outbound to outbound", "internal/outbound/mailout/a.go", imports("sekimori/internal/outbound/store"), "may not import internal/outbound/store"},
		{"pii to seal", "internal/pii/a.go", imports("sekimori/internal/seal"), "internal/pii may not import"},
		{"agent to domain", "internal/agent/host/a_windows.go", imports("sekimori/internal/domain/journal"), "internal/agent may not import"},
		{"agent to pii", "internal/agent/a.go", imports("sekimori/internal/pii", "sekimori/internal/agent/host"), ""},
		{"cli to app", "internal/cli/a.go", imports("sekimori/internal/app", "sekimori/internal/seal"), ""},
		{"cli to domain", "internal/cli/a.go", imports("sekimori/internal/domain/journal"), "internal/cli may not import"},
		{"agent's verbs to agent", "internal/cli/endpoint/a.go", imports("sekimori/internal/agent", "sekimori/internal/agent/host", "sekimori/internal/kit/i18n"), ""},
		{"agent's verbs to server", "internal/cli/endpoint/a.go", imports("sekimori/internal/app"), "internal/cli/endpoint may not import internal/app"},
		{"agent's verbs to their neighbours", "internal/cli/endpoint/a.go", imports("sekimori/internal/cli"), "internal/cli/endpoint may not import internal/cli"},
		{"app to all", "internal/app/a.go", imports("sekimori/internal/inbound/web", "sekimori/internal/outbound/store", "sekimori/internal/agent", "os"), ""},
		{"app to cli", "internal/app/a.go", imports("sekimori/internal/cli"), "internal/app may not import"},
		{"web to app", "internal/inbound/web/a.go", imports("sekimori/internal/app"), "may not import internal/app"},
		{"cmd to cli", "cmd/sekimori/main.go", imports("sekimori/internal/cli", "os"), ""},
		{"cmd to app", "cmd/sekimori/main.go", imports("sekimori/internal/app"), "cmd/sekimori may not import internal/app"},
		{"story to anything", "test/story/a_test.go", imports("sekimori/internal/app", "sekimori/internal/cli"), ""},
		{"no such room", "internal/models/a.go", "package models", "internal/models is no room"},
		{"test of a rule", "internal/domain/incident/a_test.go", imports("sekimori/internal/outbound/store", "os"), ""},
		{"test with the program", "internal/domain/incident/a_test.go", imports("sekimori/internal/app"), "may not import internal/app"},
		{"test with a real server", "internal/kit/id/a_test.go", imports("sekimori/internal/testkit/pg"), ""},
		{"testkit shipped", "internal/app/a.go", imports("sekimori/internal/testkit/pg"), "internal/app may not import internal/testkit/pg"},
		{"testkit to store", "internal/testkit/pg/a.go", imports("sekimori/internal/outbound/store"), "internal/testkit may not import"},
		{"tool to testkit", "internal/tool/check/a.go", imports("sekimori/internal/testkit/pg"), ""},
		{"exec in testkit", "internal/testkit/pg/a.go", "package x\nimport \"os/exec\"\nvar c = exec.Command(\"true\")\n", ""},
		{"test of the kit", "internal/kit/id/a_test.go", imports("sekimori/internal/domain/access"), "internal/kit may not import"},

		{"http in domain", "internal/domain/incident/a.go", imports("net/http"), "the domain may not import net/http"},
		{"sql in domain", "internal/domain/access/a.go", imports("database/sql/driver"), "the domain may not import database/sql/driver"},
		{"os in domain", "internal/domain/access/a.go", imports("os"), "the domain may not import os"},
		{"exec in domain", "internal/domain/access/a.go", imports("os/exec"), "the domain may not import os/exec"},
		{"slog in domain", "internal/domain/access/a.go", imports("log/slog"), "the domain may not import log/slog"},
		{"mail in domain", "internal/domain/access/a.go", imports("net/mail"), ""},

		{"clock in domain", "internal/domain/notice/a.go", "package x\nimport \"time\"\nvar now = time.Now\n", "time.Now in the domain"},
		{"clock by another name", "internal/domain/notice/a.go", "package x\nimport t \"time\"\nfunc f() { _ = t.Since(t.Time{}) }\n", "time.Since in the domain"},
		{"clock in a test", "internal/domain/notice/a_test.go", "package x\nimport \"time\"\nfunc f() { _ = time.Now() }\n", "time.Now in the domain"},
		{"clock elsewhere", "internal/app/a.go", "package x\nimport \"time\"\nvar now = time.Now\n", ""},
		{"another Now", "internal/domain/notice/a.go", "package x\nfunc f(c clock) { c.Now() }\n", ""},
		{"dot import", "internal/domain/notice/a.go", "package x\nimport . \"time\"\nvar now = Now\n", "dot import of time"},

		{"init", "internal/app/a.go", "package x\nfunc init() {}\n", "a.go:2:1: func init"},
		{"init method", "internal/app/a.go", "package x\nfunc (s *server) init() {}\n", ""},
		{"exec", "internal/agent/host/a.go", "package x\nimport \"os/exec\"\nvar c = exec.Command(\"true\")\n", "exec.Command: start"},
		{"exec where macOS wants it", "internal/agent/host/run_darwin.go", "package host\nimport \"os/exec\"\nvar c = exec.Command(\"true\")\n", ""},
		{"exec with context", "internal/app/a.go", "package x\nimport \"os/exec\"\nvar c = exec.CommandContext(nil, \"true\")\n", "exec.CommandContext: start"},
		{"exec in tool", "internal/tool/a.go", "package x\nimport \"os/exec\"\nvar c = exec.Command(\"true\")\n", ""},
		{"exec in a test", "internal/app/a_test.go", "package x\nimport \"os/exec\"\nvar c = exec.Command(\"true\")\n", ""},
		{"exec in the tests' helper", "test/browser/page.go", "package x\nimport \"os/exec\"\nvar c = exec.Command(\"true\")\n", ""},
		{"looking up a program", "internal/app/a.go", "package x\nimport \"os/exec\"\nvar _, _ = exec.LookPath(\"true\")\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, err := check(tc.file, []byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tc.want == "" && len(found) > 0:
				t.Errorf("complained without reason: %q", found)
			case tc.want != "" && (len(found) != 1 || !strings.Contains(found[0], tc.want)):
				t.Errorf("found %q; want one complaint with %q", found, tc.want)
			}
		})
	}
	if _, err := check("internal/app/a.go", []byte("no Go")); err == nil {
		t.Error("a file that is no Go passed")
	}
}

func TestDocumented(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]bool{
		"// Package x does it.\npackage x":                     true,
		"//go:build linux\n\n// Package x does it.\npackage x": true,
		"/*\nPackage x does it.\n*/\npackage x":                true,
		"// Package x tests it.\npackage x_test":               true,
		"// Command sekimori is the program.\npackage main":    true,
		"package x":                          false,
		"package main":                       false,
		"// Package y does it.\npackage x":   false,
		"// A remark.\npackage x":            false,
		"// Package x does it.\n\npackage x": false,
		"//go:build linux\n\npackage x\n\n// Package x is late.":    false,
		"// Copyright somebody.\n\n// Package x has it.\npackage x": true,
	} {
		got, err := documented([]byte(src))
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", src, got, err)
		}
	}
}
