package i18n

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func load(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLanguagesHaveTheSameIDs(t *testing.T) {
	t.Parallel()
	c := load(t)
	if diff := cmp.Diff(c.IDs(JA), c.IDs(EN)); diff != "" {
		t.Errorf("ids differ (-ja +en):\n%s", diff)
	}
	if len(c.IDs(JA)) == 0 {
		t.Error("the catalogue is empty")
	}
}

func TestLanguagesHaveTheSamePlaces(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, id := range c.IDs(JA) {
		en, ok := c.texts[EN][id]
		if !ok {
			continue // the test of the ids names it
		}
		if diff := cmp.Diff(places(c.texts[JA][id]), places(en)); diff != "" {
			t.Errorf("%s: places differ (-ja +en):\n%s", id, diff)
		}
	}
}

// places are the names of a message's places over all its forms, each once.
func places(m message) []string {
	names := []string{}
	for _, p := range slices.Concat(m.one, m.other) {
		if p.place != "" && !slices.Contains(names, p.place) {
			names = append(names, p.place)
		}
	}
	slices.Sort(names)
	return names
}

func TestTextsAreTidy(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, l := range Langs() {
		for _, id := range c.IDs(l) {
			if id != strings.ToLower(id) || !strings.Contains(id, ".") || strings.ContainsAny(id, " {}") {
				t.Errorf("%s: message id %q: want subject.name in lower case", l, id)
			}
			for _, form := range [][]piece{c.texts[l][id].other, c.texts[l][id].one} {
				if len(form) == 0 {
					continue
				}
				if first, last := form[0].text, form[len(form)-1].text; first != strings.TrimLeft(first, " \n") ||
					last != strings.TrimRight(last, " \n") {
					t.Errorf("%s: %s begins or ends with white space", l, id)
				}
			}
		}
	}
}

func TestFaultsThatOthersRelyOn(t *testing.T) {
	t.Parallel()
	want := []string{
		"invalid", "internal", "denied", "not_found", "required", "too_long", "too_short", "bad_date",
		"bad_email", "bad_phone", "unknown_choice", "in_future", "after_discovery", "unauthenticated",
		"wrong_login", "throttled", "too_large", "too_many", "unavailable", "own_not_allowed",
		"auditor_readonly", "conflict", "bad_token", "token_expired", "bad_csv", "bad_json",
		"unknown_field", "idempotency_mismatch", "disk_full", "method_not_allowed", "cross_origin",
	}
	c := load(t)
	for _, l := range Langs() {
		for _, name := range want {
			if !c.Printer(l).Has("fault." + name) {
				t.Errorf("%s: fault.%s is missing", l, name)
			}
		}
	}
}

func TestLoadFSRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string // part of the error
	}{
		{"twice across files", map[string]string{"a.ja.json": `{"x.y":"一"}`, "b.ja.json": `{"x.y":"二"}`}, `"x.y" was already given in a.ja.json`},
		{"twice in one file", map[string]string{"a.ja.json": `{"x.y":"一","x.y":"二"}`}, `"x.y" was already given in a.ja.json`},
		{"unknown language", map[string]string{"a.jp.json": `{}`}, "must end in .ja.json or .en.json"},
		{"no language", map[string]string{"a.json": `{}`}, "must end in .ja.json or .en.json"},
		{"empty text", map[string]string{"a.en.json": `{"x.y":" "}`}, "empty"},
		{"number", map[string]string{"a.en.json": `{"x.y":1}`}, "want a text"},
		{"null", map[string]string{"a.en.json": `{"x.y":null}`}, `"other" is missing`},
		{"list", map[string]string{"a.en.json": `["x"]`}, "one flat object"},
		{"nested", map[string]string{"a.en.json": `{"x":{"y":"z"}}`}, "want a text"},
		{"no other", map[string]string{"a.en.json": `{"x.y":{"one":"1"}}`}, `"other" is missing`},
		{"empty singular", map[string]string{"a.en.json": `{"x.y":{"one":"","other":"n"}}`}, "empty"},
		{"open place", map[string]string{"a.en.json": `{"x.y":"a {b"}`}, "a { without its }"},
		{"closed place", map[string]string{"a.en.json": `{"x.y":"a b}"}`}, "a } without its {"},
		{"bad place", map[string]string{"a.en.json": `{"x.y":"a {B c}"}`}, "not the name of a place"},
		{"cut off", map[string]string{"a.en.json": `{"x.y":"a"`}, "read"},
		{"more behind", map[string]string{"a.en.json": `{"x.y":"a"} {}`}, "after the closing brace"},
		{"empty file", map[string]string{"a.en.json": ``}, "read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fsys := fstest.MapFS{}
			for name, text := range tc.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := LoadFS(fsys)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("LoadFS: %v; want an error with %q", err, tc.want)
			}
		})
	}
}

// TestLoadOnly: a small program has the texts that it asks for, and no others.
func TestLoadOnly(t *testing.T) {
	t.Parallel()
	cat, err := LoadOnly("agent", "fault")
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range Langs() {
		p := cat.Printer(lang)
		if !p.Has("agent.long") || !p.Has("fault.not_found") || p.Has("cli.unreachable") {
			t.Errorf("%s: agent %v, fault %v, cli %v", lang, p.Has("agent.long"), p.Has("fault.not_found"), p.Has("cli.unreachable"))
		}
	}
	if _, err := LoadOnly("agent", "weather"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a subject without a file: %v", err)
	}
}
