package walk

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
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
	"sekimori/internal/pii/read"
)

// TestMain lets this test program be the child that takes documents apart, and the scan that is killed.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == read.Verb:
		if err := read.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case len(os.Args) > 1 && os.Args[1] == slowVerb:
		slowScan(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
}

// slowVerb scans a tree and then never comes to its end.
const slowVerb = "scan-slowly"

func slowScan(tree, state string) {
	opt := Options{Roots: []string{tree}, State: state, Now: later, Sleep: nap}
	_, _ = Scan(context.Background(), opt, func(f File) error {
		if strings.Contains(f.Path, "z.csv") {
			fmt.Println("here")
			time.Sleep(time.Hour)
		}
		return nil
	})
}

// later is a clock by which files that were made just now have settled.
func later() time.Time { return time.Now().Add(time.Hour) }

func nap(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// list is a table of two people, whose values must show nowhere.
const list = "氏名,メールアドレス,生年月日\r\n" + rows

const rows = "山本 花乃,hanano@kaku.example,1984-05-06\r\n佐久間 一太,kazuta@kaku.example,1979-11-23\r\n"

// values are the values in list.
func values() []string {
	return []string{"山本", "花乃", "佐久間", "一太", "hanano", "kazuta", "1984-05-06", "1979-11-23"}
}

// write makes a file below a folder.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// seen is what a scan said, by the path below the folder.
type seen struct {
	Summary
	files map[string]File
	order []string
}

func options(t testing.TB, dir string) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Roots: []string{dir}, Workers: 2, Now: later, Sleep: nap, Detect: pii.Options{Samples: true},
		Child: read.ChildOptions{Command: []string{self, read.Verb}, Temp: t.TempDir()}}
}

func look(t testing.TB, opt Options) seen {
	t.Helper()
	out := seen{files: map[string]File{}}
	var err error
	out.Summary, err = Scan(t.Context(), opt, func(f File) error {
		rel, err := filepath.Rel(opt.Roots[0], f.Path)
		if err != nil {
			rel = f.Path
		}
		out.files[filepath.ToSlash(rel)] = f
		out.order = append(out.order, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sjis(t testing.TB, text string) string {
	t.Helper()
	out, err := japanese.ShiftJIS.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zipped(t testing.TB, name string, text io.Reader) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = io.Copy(w, text)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestScan: plain files and documents, each with its people, and no value anywhere.
func TestScan(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "deep", "state")
	write(t, dir, "a/list.csv", sjis(t, list))
	write(t, dir, "a.zip", zipped(t, "inside.csv", strings.NewReader(list)))
	write(t, dir, "b/nobody.txt", "nothing to see\n")
	write(t, dir, "b/empty", "")
	write(t, dir, "b/picture.png", "\x89PNG\r\n\x1a\n"+strings.Repeat("\x00\x01", 50))
	opt := options(t, dir)
	opt.State = state
	got := look(t, opt)
	for _, name := range []string{"a/list.csv", "a.zip"} {
		f := got.files[name]
		if f.People != 2 || f.CountedBy != pii.ByRows || f.Counts[pii.Name].Sure() != 2 || f.Counts[pii.Mail].Sure() != 2 || len(f.Findings) == 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := got.files["a/list.csv"]; !slices.Contains(f.Encodings, pii.ShiftJIS) || f.Kind != read.Text || f.Size == 0 || f.Modified.IsZero() {
		t.Errorf("%+v", f)
	}
	if f := got.files["b/picture.png"]; len(f.Unread) != 1 || f.Unread[0].Reason != read.Unsupported {
		t.Errorf("picture: %+v", f)
	}
	if got.Files != 5 || got.Folders != 3 || got.Found != 2 || got.People != 4 || got.Reused != 0 || len(got.files) != 3 {
		t.Errorf("%+v, %v", got.Summary, got.order)
	}
	said, err := json.Marshal(got.files)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values() {
		for _, b := range [][]byte{said, kept} {
			if bytes.Contains(b, []byte(v)) || bytes.Contains(b, []byte(sjis(t, v))) {
				t.Errorf("%s is told:\n%s", v, b)
			}
		}
	}
	again := look(t, opt)
	if again.Reused != 5 || again.Found != 2 || again.People != 4 {
		t.Errorf("the second time: %+v", again.Summary)
	}
	first, second := got.files["a/list.csv"], again.files["a/list.csv"]
	first.Reused = true
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the second time\n%+v\nthe first\n%+v", second, first)
	}
}

// TestDifferential: what changed in whatever way is read again, and nothing else.
func TestDifferential(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	for _, name := range []string{"a.csv", "b/b.csv", "b/c/c.csv", "b.csv", "b+/d.csv", "z/e.csv"} {
		write(t, dir, name, list)
	}
	old := time.Now().Add(-time.Hour)
	touch := func(name string) {
		t.Helper()
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	step := func(what string, files, reused, found int) seen {
		t.Helper()
		got := look(t, opt)
		if got.Files != files || got.Reused != reused || got.Found != found {
			t.Errorf("%s: %+v", what, got.Summary)
		}
		return got
	}
	step("first", 6, 0, 6)
	step("unchanged", 6, 6, 6)
	before, err := os.Stat(opt.State)
	if err != nil {
		t.Fatal(err)
	}
	step("unchanged", 6, 6, 6)
	if after, err := os.Stat(opt.State); err != nil || !os.SameFile(before, after) {
		t.Errorf("the state was written anew for nothing: %v", err)
	}
	touch("b/b.csv")
	step("touched", 6, 5, 6)
	write(t, dir, "b.csv", strings.ReplaceAll(list, "山", "川"))
	touch("b.csv")
	step("same size", 6, 5, 6)
	write(t, dir, "b/c/c.csv", "nobody\n")
	step("nobody any more", 6, 5, 5)
	if err := os.Rename(filepath.Join(dir, "b/b.csv"), filepath.Join(dir, "b/a.csv")); err != nil {
		t.Fatal(err)
	}
	step("renamed", 6, 5, 5)
	if err := os.RemoveAll(filepath.Join(dir, "b+")); err != nil {
		t.Fatal(err)
	}
	step("removed", 5, 5, 4)
	write(t, dir, "0/new.csv", list)
	write(t, dir, "zz/new.csv", list)
	step("new", 7, 5, 6)
	opt.Full = true
	step("in full", 7, 0, 6)
	opt.Full = false
	step("after that", 7, 7, 6)
	opt.Detect.OwnDomains = []string{"own.example"}
	step("other rules", 7, 0, 6)
	step("other rules again", 7, 7, 6)

	// A part of the tree, or one file, leaves what is known of the rest as it is.
	opt.Roots = []string{filepath.Join(dir, "z")}
	step("a part", 1, 1, 1)
	touch("b.csv")
	opt.Roots = []string{filepath.Join(dir, "b.csv"), filepath.Join(dir, "z", "e.csv")}
	step("two files", 2, 1, 2)
	opt.Roots = []string{dir, filepath.Join(dir, "z")}
	step("all, one folder named twice", 7, 7, 6)
}

// TestSettled: a file that was written a moment ago may be written again without its times showing it.
func TestSettled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := write(t, dir, "a.csv", list)
	info, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	opt.Now = func() time.Time { return info.ModTime().Add(time.Millisecond) }
	look(t, opt)
	if got := look(t, opt); got.Reused != 0 {
		t.Errorf("it was taken for settled: %+v", got.Summary)
	}
}

// TestBrokenState: a state that is damaged anywhere is none; that is said, and everything is read.
func TestBrokenState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.csv", list)
	write(t, dir, "b/b.csv", list)
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	look(t, opt)
	whole, err := os.ReadFile(opt.State)
	if err != nil {
		t.Fatal(err)
	}
	try := func(b []byte, what string) {
		t.Helper()
		if err := os.WriteFile(opt.State, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := look(t, opt); !got.StateLost || got.Reused != 0 || got.Found != 2 {
			t.Errorf("%s: %+v", what, got.Summary)
		}
		if got := look(t, opt); got.StateLost || got.Reused != 2 {
			t.Errorf("%s: it was not made good: %+v", what, got.Summary)
		}
	}
	for i := 0; i < len(whole); i += 37 {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		try(b, fmt.Sprintf("byte %d changed", i))
	}
	try(whole[:len(whole)/2], "cut")
	try(nil, "empty")
	try([]byte(strings.Repeat("x", 500)), "something else")
}

// FuzzRecords: records that are none end the reading, and nothing else.
func FuzzRecords(f *testing.F) {
	r, err := record{name: "a", stamp: 7, content: Content{People: 1, Counts: map[pii.Kind]pii.Count{pii.Name: {Likely: 1}}}}.append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r)
	f.Add([]byte{200, 200, 200, 200, 200, 200, 200, 200, 200, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		block := &oldBlock{body: b}
		if n := len(block.others(nil, nil)); n != block.count() {
			t.Errorf("%d and %d records", n, block.count())
		}
		all := block.records()
		all.find("m", 7)
	})
}

// TestStopped: what was found before somebody stops it is kept.
func TestStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 300 {
		write(t, dir, fmt.Sprintf("%03d/list.csv", i), list)
	}
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	opt.Workers = 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	sum, err := Scan(ctx, opt, func(File) error {
		if n++; n == 20 {
			cancel()
		}
		return nil
	})
	if err != nil || !sum.Stopped || sum.Found < 20 || sum.Found >= 300 {
		t.Fatalf("%+v, %v", sum, err)
	}
	rest := look(t, opt)
	if rest.Reused < 20 || rest.Reused >= 300 || rest.Found != 300 || rest.Stopped {
		t.Errorf("after that: %+v", rest.Summary)
	}
	// Stopped at once, nothing is forgotten.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if sum, err := Scan(gone, opt, func(File) error { return nil }); err != nil || !sum.Stopped {
		t.Fatalf("%+v, %v", sum, err)
	}
	if all := look(t, opt); all.Reused != 300 {
		t.Errorf("stopping forgot: %+v", all.Summary)
	}
}

// TestSinkFails: the sink's error is the scan's, and what was found until then is kept.
func TestSinkFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 50 {
		write(t, dir, fmt.Sprintf("%03d/list.csv", i), list)
	}
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	full := errors.New("full")
	if _, err := Scan(t.Context(), opt, func(File) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if _, err := Scan(t.Context(), Options{Roots: []string{filepath.Join(dir, "nowhere")}, Now: later}, nil); !errors.Is(err, ErrNoSuchRoot) {
		t.Errorf("%v", err)
	}
	if _, err := Scan(t.Context(), Options{Roots: []string{dir}, Exclude: []string{"["}, Now: later}, nil); !errors.Is(err, ErrPattern) {
		t.Errorf("%v", err)
	}
}

// TestNoChild: a scan that cannot read documents at all says so instead of passing over them.
func TestNoChild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.zip", zipped(t, "inside.csv", strings.NewReader(list)))
	opt := options(t, dir)
	opt.Child.Command = []string{filepath.Join(dir, "nothing")}
	if _, err := Scan(t.Context(), opt, func(File) error { return nil }); err == nil {
		t.Error("no error")
	}
}

// TestExcluded: names and paths that nobody wants to know of are named, and not looked at.
func TestExcluded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.log", "keep/a.csv", "keep/b.log", "cache/a.csv", "x/cache/a.csv", "x/y/a.csv", "y/a.csv"} {
		write(t, dir, name, list)
	}
	opt := options(t, dir)
	opt.Exclude = []string{"*.log", "cache", "x/y"}
	got := look(t, opt)
	if got.Found != 2 || got.Skipped[Excluded] != 5 || got.files["keep/a.csv"].People != 2 || got.files["y/a.csv"].People != 2 {
		t.Errorf("%+v %v", got.Summary, got.order)
	}
}

// TestLarge: a file beyond the limit is named; one beyond the limits of the reader, too.
func TestLarge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "large.csv", list+strings.Repeat(rows, 1000))
	write(t, dir, "bomb.zip", zipped(t, "blank.txt", io.LimitReader(blank{}, 200<<20)))
	write(t, dir, "endless.txt", strings.Repeat("あ", 3<<20)+" hanano@kaku.example")
	opt := options(t, dir)
	opt.LimitSize = 0
	got := look(t, opt)
	if f := got.files["bomb.zip"]; len(f.Unread) == 0 || f.Unread[0].Reason != read.TooLarge {
		t.Errorf("bomb: %+v", f)
	}
	if f := got.files["endless.txt"]; f.Counts[pii.Mail].Sure() != 1 {
		t.Errorf("endless line: %+v", f)
	}
	if f := got.files["large.csv"]; f.People != 2 || f.Left == 0 || len(f.Findings) != keptFindings {
		t.Errorf("large: %d people, %d kept, %d left", f.People, len(f.Findings), f.Left)
	}
	opt.LimitSize = 50_000
	if f := look(t, opt).files["large.csv"]; len(f.Unread) != 1 || f.Unread[0].Reason != read.TooLarge || f.Sure() {
		t.Errorf("large, with a limit: %+v", f)
	}
}

// blank is a text that compresses well.
type blank struct{}

func (blank) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestDyingChild: a file that fells its reader is named, and the next one is read.
func TestDyingChild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noise := make([]byte, 4096)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	good := zipped(t, "inside.csv", strings.NewReader(list))
	write(t, dir, "a.zip", good[:len(good)-30])
	write(t, dir, "b.pdf", "%PDF-1.7\n"+string(noise))
	write(t, dir, "c.docx", good)
	opt := options(t, dir)
	opt.Workers = 1
	killed := false
	opt.Child.Started = func(p *os.Process) error {
		if !killed { // the first one never lives to read a.zip
			killed = true
			go func() { time.Sleep(200 * time.Millisecond); _ = p.Kill() }()
			return nil
		}
		return nil
	}
	got := look(t, opt)
	if len(got.files["a.zip"].Unread) == 0 || len(got.files["b.pdf"].Unread) == 0 || got.files["c.docx"].People != 2 {
		t.Errorf("%+v", got.files)
	}
}

// TestManyFiles: a folder of 10,000 files, and one 500 folders deep.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 10_000 {
		write(t, dir, fmt.Sprintf("many/%05d", i), "")
	}
	deep := filepath.Join(dir, strings.Repeat("d/", 500))
	write(t, deep, "list.csv", list)
	opt := options(t, dir)
	opt.State = filepath.Join(dir, "state") // in the tree itself
	got := look(t, opt)
	if got.Files != 10_001 || got.Found != 1 || len(got.files) != 1 || got.Folders != 502 {
		t.Errorf("%+v", got.Summary)
	}
	if again := look(t, opt); again.Reused != 10_001 || again.Files != 10_001 {
		t.Errorf("%+v", again.Summary)
	}
}

// TestMeter: what is told on the way comes to what there is.
func TestMeter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 40 {
		write(t, dir, fmt.Sprintf("%d/list.csv", i%7)+fmt.Sprint(i), list)
	}
	write(t, dir, "a.zip", zipped(t, "inside.csv", strings.NewReader(list)))
	opt := options(t, dir)
	opt.State = filepath.Join(t.TempDir(), "state")
	for range 2 {
		m := &Meter{}
		opt.Meter = m
		got := look(t, opt)
		p := m.Progress()
		if p.Files != int64(got.Files) || p.Bytes != got.Bytes {
			t.Errorf("%+v, and %+v", p, got.Summary)
		}
		if p.AllFiles != 0 && (p.AllFiles != p.Files || p.Part() != 1) {
			t.Errorf("%+v", p)
		}
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/a/名簿.csv": "/a/名簿.csv", "/a/\x96\xbc\x95\xeb.csv": `/a/\x96\xbc\x95\xeb.csv`, "/a\nb": `/a\x0ab`, "/\x1b[31m": `/\x1b[31m`,
		"/\u202egnp.exe": `/\xe2\x80\xaegnp.exe`, "/a\ufffd": "/a\ufffd", "/a\ufffd\xff": "/a\ufffd" + `\xff`, "/全 角": "/全 角",
	} {
		if got := Readable(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	sep := string(os.PathSeparator)
	all := []string{sep, sep + "a", sep + "a" + sep + "b", sep + "a" + sep + "b" + sep + "c", sep + "a" + sep + "b.c", sep + "a b", sep + "a+", sep + "ab"}
	mixed := slices.Clone(all)
	slices.Reverse(mixed)
	slices.SortFunc(mixed, compare)
	if !slices.Equal(all, mixed) {
		t.Errorf("%q", mixed)
	}
	if !within(sep, all[1]) || !within(all[1], all[2]) || within(all[1], all[6]) || within(all[1], all[7]) || !within(all[1], all[1]) || within(all[2], all[1]) {
		t.Error("within")
	}
}
