package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sekimori/internal/kit/sheet"
	"sekimori/internal/pii"
	"sekimori/internal/pii/read"
	"sekimori/internal/pii/walk"
)

const (
	scanMemory   = 256 << 20 // of this process; documents are read in another
	scanBusy     = 1.5       // programs that want a processor, by which it counts as busy
	scanShown    = 30        // files in the table, unless all are wanted
	scanProgress = 500 * time.Millisecond
)

// ReadDocuments is the life of the process that takes documents apart for a scan; see [read.Serve].
func ReadDocuments(stdin io.Reader, stdout, stderr io.Writer) int {
	if err := read.Serve(stdin, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitOK
}

// scanFlags are the flags of scan.
type scanFlags struct {
	asJSON, all, findings, full, otherSystems, pause bool
	csv, csvEncoding, state, share, size, memory     string
	exclude, domains                                 []string
}

// scan looks for files with personal information. It needs no server.
func (s *shell) scan(fs *pflag.FlagSet) func(context.Context) error {
	var f scanFlags
	fs.BoolVar(&f.all, "all", false, "")
	fs.BoolVar(&f.findings, "findings", false, "")
	fs.BoolVar(&f.asJSON, "json", false, "")
	fs.StringVar(&f.csv, "csv", "", "FILE")
	fs.StringVar(&f.csvEncoding, "csv-encoding", "utf8", "utf8|sjis")
	fs.StringArrayVar(&f.exclude, "exclude", nil, "PATTERN")
	fs.StringArrayVar(&f.domains, "own-domain", nil, "DOMAIN")
	fs.StringVar(&f.size, "limit-size", "", "SIZE")
	fs.BoolVar(&f.otherSystems, "other-systems", false, "")
	fs.BoolVar(&f.full, "full", false, "")
	fs.StringVar(&f.state, "state", "", "FILE")
	fs.StringVar(&f.share, "cap", "", "PERCENT")
	fs.BoolVar(&f.pause, "pause", false, "")
	fs.StringVar(&f.memory, "memory", "", "SIZE")
	return func(ctx context.Context) error {
		if fs.NArg() == 0 {
			return s.misuse("scan.no_path")
		}
		opt, encoding, err := s.scanOptions(f, fs.Args(), fs.Changed("state"))
		if err != nil {
			return err
		}
		err = s.scanNow(ctx, f, opt, encoding)
		if err == nil || errors.Is(err, errNo) {
			return err
		}
		s.complain(s.scanSentence(err))
		return errBroken
	}
}

// scanOptions checks the flags and makes of them what a scan wants.
func (s *shell) scanOptions(f scanFlags, roots []string, ownState bool) (walk.Options, sheet.Encoding, error) {
	opt := walk.Options{Roots: roots, State: f.state, Full: f.full, Exclude: f.exclude, OtherSystems: f.otherSystems,
		Workers: 2, Now: time.Now, Sleep: Pause}
	opt.Detect.OwnDomains = f.domains
	encoding, err := sheet.Chosen(f.csvEncoding)
	if err != nil {
		return opt, "", s.misuse("agent.bad_flag_value", "name", "--csv-encoding", "value", f.csvEncoding)
	}
	if opt.LimitSize, err = s.size("--limit-size", f.size, 0); err != nil {
		return opt, "", err
	}
	memory, err := s.size("--memory", f.memory, scanMemory)
	if err != nil {
		return opt, "", err
	}
	debug.SetMemoryLimit(memory)
	if f.share != "" {
		percent, err := strconv.ParseFloat(strings.TrimSuffix(f.share, "%"), 64)
		if err != nil || !(percent > 0 && percent <= 100) {
			return opt, "", s.misuse("agent.bad_flag_value", "name", "--cap", "value", f.share)
		}
		opt.Pace.Share = percent / 100
		opt.Workers = 1
	}
	if f.pause {
		opt.Pace.Hold = holdScan
	}
	if !ownState {
		if dir, err := os.UserConfigDir(); err == nil { // without one, nothing is kept
			opt.State = filepath.Join(dir, "sekimori", "scan.state")
		}
	}
	return opt, encoding, nil
}

// holdScan says why a scan should wait.
func holdScan() string {
	switch {
	case walk.Battery():
		return "battery"
	case walk.Load() > scanBusy:
		return "load"
	}
	return ""
}

// Pause waits, unless ctx ends first.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// size reads a number of bytes such as 500M or 2G.
func (s *shell) size(flag, text string, def int64) (int64, error) {
	if text == "" {
		return def, nil
	}
	digits, shift := strings.ToUpper(text), 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		if rest, ok := strings.CutSuffix(strings.TrimSuffix(digits, "B"), unit); ok {
			digits, shift = rest, 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > 1<<(62-shift) {
		return 0, s.misuse("agent.bad_flag_value", "name", flag, "value", text)
	}
	return n << shift, nil
}

// scanNow runs the scan and shows what came of it.
func (s *shell) scanNow(ctx context.Context, f scanFlags, opt walk.Options, encoding sheet.Encoding) (err error) {
	if err := s.lowerPriority(); err != nil {
		return err
	}
	clean, err := s.scanChild(&opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	ended := s.showScanProgress(&opt)
	var files []walk.File
	sum, err := walk.Scan(ctx, opt, func(file walk.File) error {
		if !f.asJSON && !f.findings {
			file.Findings = nil // nobody will look at them
		}
		if f.all || f.csv != "" || file.Sure() {
			files = append(files, file)
		}
		return nil
	})
	ended()
	if err != nil {
		return err
	}
	slices.SortStableFunc(files, mostPeopleFirst)
	if f.csv != "" {
		if err := s.scanCSV(f.csv, encoding, files); err != nil {
			return err
		}
		if !f.all {
			files = slices.DeleteFunc(files, func(file walk.File) bool { return !file.Sure() })
		}
	}
	if f.asJSON {
		err = s.printJSON(struct {
			Summary walk.Summary `json:"summary"`
			Files   []walk.File  `json:"files"`
		}{sum, slices.Concat([]walk.File{}, files)})
	} else {
		s.showScan(f, sum, files)
	}
	switch {
	case err != nil:
		return err
	case sum.Stopped:
		s.complain(s.p.T("scan.stopped"))
		return errBroken
	case sum.Found > 0:
		return errNo
	}
	return nil
}

// lowerPriority lets the rest of this process have only what nobody else wants.
func (s *shell) lowerPriority() error {
	if s.Idle != nil {
		return s.Idle()
	}
	return walk.Idle()
}

// scanChild says how documents are read: by this program once more. clean takes its folder away.
func (s *shell) scanChild(opt *walk.Options) (clean func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	temp, err := os.MkdirTemp("", "sekimori-scan-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for parts of documents: %w", err)
	}
	opt.Child = read.ChildOptions{Command: []string{self, read.Verb}, Temp: temp}
	if dir, err := os.UserCacheDir(); err == nil { // without one, the PDF reader is made anew each time
		cache := filepath.Join(dir, "sekimori", "pdf")
		if os.MkdirAll(cache, 0o700) == nil {
			opt.Child.Cache = cache
		}
	}
	return func() error { return os.RemoveAll(temp) }, nil
}

// showScanProgress tells how far it is until ended is called, on a terminal only.
func (s *shell) showScanProgress(opt *walk.Options) (ended func()) {
	if !isTerminal(s.err) {
		return func() {}
	}
	meter := &walk.Meter{}
	opt.Meter = meter
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		t := time.NewTicker(scanProgress)
		defer t.Stop()
		begun := time.Now()
		for {
			select {
			case <-stop:
				fmt.Fprint(s.err, "\r\x1b[K")
				return
			case <-t.C:
				fmt.Fprint(s.err, "\r\x1b[K"+s.scanLine(meter.Progress(), time.Since(begun)))
			}
		}
	}()
	return func() { close(stop); <-gone }
}

// scanLine is one line of progress.
func (s *shell) scanLine(p walk.Progress, passed time.Duration) string {
	line := s.p.T("scan.progress.seen", "files", s.p.Count(int(p.Files)), "size", s.p.Bytes(p.Bytes))
	if part := p.Part(); part > 0 && passed > 2*time.Second {
		left := time.Duration(float64(passed) * (1 - part) / part).Round(time.Second)
		line = s.p.T("scan.progress.left", "files", s.p.Count(int(p.Files)), "all", s.p.Count(int(p.AllFiles)),
			"size", s.p.Bytes(p.Bytes), "total", s.p.Bytes(p.AllBytes), "time", fmt.Sprintf("%d:%02d", int(left.Minutes()), int(left.Seconds())%60))
	}
	if p.Waits != "" {
		line += " " + s.p.T("scan.waits."+p.Waits)
	}
	return line
}

// isTerminal reports whether a person is looking at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func mostPeopleFirst(a, b walk.File) int {
	if a.People != b.People {
		return b.People - a.People
	}
	return sure(b) - sure(a)
}

// sure is how many certain and likely findings a file has.
func sure(f walk.File) (n int) {
	for _, c := range f.Counts {
		n += c.Sure()
	}
	return n
}

// scanSentence writes what kept a scan from its end for a person.
func (s *shell) scanSentence(err error) string {
	switch {
	case errors.Is(err, walk.ErrNoSuchRoot):
		return s.p.T("scan.no_such_path", "detail", strings.TrimPrefix(err.Error(), walk.ErrNoSuchRoot.Error()+": "))
	case errors.Is(err, walk.ErrPattern):
		return s.p.T("agent.bad_flag_value", "name", "--exclude", "value", strings.TrimPrefix(err.Error(), walk.ErrPattern.Error()+": "))
	}
	return err.Error()
}

// kinds writes the counts of one file or of all, those that are worth showing.
func (s *shell) kinds(counts map[pii.Kind]pii.Count) string {
	var out []string
	for _, k := range pii.Kinds() {
		if n := counts[k].Sure(); n > 0 {
			out = append(out, s.p.T("scan.kind."+string(k))+" "+s.p.Count(n))
		}
	}
	return s.enumerate(out)
}

// enumerate writes a list as the language does.
func (s *shell) enumerate(words []string) (list string) {
	for i, w := range words {
		if list = w; i > 0 {
			list = s.p.T("scan.and", "list", words[i-1], "next", w)
		}
		words[i] = list
	}
	return list
}
