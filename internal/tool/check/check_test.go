package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestRunAllStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	var ran []string
	broken := errors.New("broken")
	made := func(name string, err error) step {
		return step{name, func(context.Context) error { ran = append(ran, name); return err }}
	}
	err := runAll(t.Context(), []step{made("one", nil), made("two", broken), made("three", nil)})
	if !errors.Is(err, broken) || !slices.Equal(ran, []string{"one", "two"}) {
		t.Errorf("ran %v and got %v", ran, err)
	}
}

func TestTheWholeTestRunIsLast(t *testing.T) {
	t.Parallel()
	all := steps(time.Second)
	if got := all[len(all)-1].name; got != "tests" {
		t.Errorf("the last step is %q: go test's own lines must end the output", got)
	}
}

func TestDatabaseIsFoundAtAnyDepth(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if _, err := databaseIn(root); err == nil {
		t.Error("found a database in an empty folder")
	}
	want := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(filepath.Join(want, "index"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"db.json":    `{"modified":"0001-01-01T00:00:00Z"}`,
		"vulns.json": `[{"id":"GO-2026-0002","modified":"2026-01-02T03:04:05Z"},{"id":"GO-2025-0009","modified":"2025-01-02T03:04:05Z"}]`,
	} {
		if err := os.WriteFile(filepath.Join(want, "index", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := databaseIn(root)
	if err != nil || got != want {
		t.Errorf("found %q, %v", got, err)
	}
	age, err := localAge(got)
	if err != nil || age != "2 entries, the last GO-2026-0002, of 2026-01-02" {
		t.Errorf("age %q, %v", age, err)
	}
}

func TestAStepThatCannotRunIsNoFailure(t *testing.T) {
	t.Parallel()
	after := false
	err := runAll(t.Context(), []step{
		{"away", func(context.Context) error { return fmt.Errorf("%w: no network", errNotRun) }},
		{"after", func(context.Context) error { after = true; return nil }},
	})
	if err != nil || !after {
		t.Errorf("got %v, went on: %v", err, after)
	}
}
