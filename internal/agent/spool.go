package agent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// Limits of the spool. Evidence makes room for newer evidence; a report never goes.
const (
	maxSpoolFiles = 80
	maxSpoolBytes = 64 << 20
	maxReports    = 16      // presses waiting to be sent; more are still counted, and cut
	maxOthers     = 16      // reports of other kinds waiting to be sent
	maxItem       = 4 << 20 // one item of evidence
	maxSet        = 24 << 20
)

// spool holds what the server does not have yet: one file each. Reports of presses are
// "r KEY", those of other kinds "o KEY", evidence "e KEY NAME"; keys sort by time.
type spool struct {
	dir string

	mu sync.Mutex // one change at a time
}

type waiting struct {
	file   string
	report bool
	press  bool // a report of a press
	key    string
	name   string // of an item of evidence
	size   int64
	at     time.Time
}

// list gives what waits: presses first, then other reports, then evidence, oldest first.
func (s *spool) list() []waiting {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil // made when it is written to
	}
	var out []waiting
	for _, e := range entries {
		parts := strings.SplitN(e.Name(), " ", 3)
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		w := waiting{file: filepath.Join(s.dir, e.Name()), size: info.Size(), at: info.ModTime()}
		switch {
		case len(parts) == 2 && (parts[0] == "r" || parts[0] == "o"):
			w.report, w.press, w.key = true, parts[0] == "r", parts[1]
		case len(parts) == 3 && parts[0] == "e":
			w.key, w.name = parts[1], parts[2]
		default:
			continue
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b waiting) int {
		return cmp.Or(a.rank()-b.rank(), strings.Compare(a.key, b.key))
	})
	return out
}

// rank is what is sent before what.
func (w waiting) rank() int {
	switch {
	case w.press:
		return 0
	case w.report:
		return 1
	}
	return 2
}

// other is the file of a report of another kind than a press.
func (s *spool) other(key string) string { return filepath.Join(s.dir, "o "+filepath.Base(key)) }

// addReport keeps a report. Those of other kinds never take the room of presses.
func (s *spool) addReport(in wire.Infection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	press, most, file := in.Kind == "", maxReports, "r "+in.Key
	if !press {
		most, file = maxOthers, "o "+in.Key
	}
	n := 0
	for _, w := range s.list() {
		if w.report && w.press == press {
			n++
		}
	}
	if n >= most {
		return fmt.Errorf("spool: %d reports wait already: %w", n, ErrTooManyReports)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return s.write(file, raw)
}

func (s *spool) addEvidence(key, name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.list()
	files, bytes := len(all), int64(len(data))
	for _, w := range all {
		bytes += w.size
	}
	for _, w := range all {
		if files < maxSpoolFiles && bytes <= maxSpoolBytes {
			break
		}
		if w.report || w.key == key {
			continue
		}
		if err := removeFile(w.file); err != nil {
			return err
		}
		files, bytes = files-1, bytes-w.size
	}
	if files >= maxSpoolFiles || bytes > maxSpoolBytes {
		return errors.New("spool: full")
	}
	return s.write("e "+key+" "+name, data)
}

func (s *spool) write(name string, data []byte) error {
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("spool: %w", err)
	}
	return writeFile(filepath.Join(s.dir, name), data, 0o600)
}

// read gives an entry's bytes; what cannot be read is of no use to anybody.
func (s *spool) read(w waiting) ([]byte, error) {
	f, err := os.Open(w.file)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	defer f.Close()
	b := make([]byte, 0, min(w.size, wire.MaxEvidence)+1)
	for len(b) < cap(b) {
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("spool: %w", err)
		}
	}
	return b, nil
}

func (s *spool) remove(w waiting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return removeFile(w.file)
}

// itemNames are the characters of the names of evidence.
const itemNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

func itemName(name string) string {
	name = strings.TrimLeft(strings.Map(func(r rune) rune {
		if strings.ContainsRune(itemNames, r) {
			return r
		}
		return '_'
	}, name), ".")
	if len(name) > 80 {
		name = name[:80]
	}
	if name == "" {
		return "item"
	}
	return name
}

// bounded takes in at most left bytes; the rest is counted and left out.
type bounded struct {
	b       []byte
	left    int
	dropped int64
}

// Write keeps what fits and never fails, so that an item ends as it would have.
func (w *bounded) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.b = append(w.b, p[:n]...)
	w.left -= n
	w.dropped += int64(len(p) - n)
	return len(p), nil
}

// set is the evidence of one isolation while it is put together.
type set struct {
	key   string // of the report, or of the order
	items []manifestItem
	early func(context.Context) []item // taken before the cut, not on disk yet; waits for what is still being written down
	bytes int
}

type item struct {
	name string
	data []byte
	at   time.Time
}

type manifestItem struct {
	Name   string      `json:"name"`
	Size   int         `json:"size"`
	SHA256 string      `json:"sha256"`
	At     wire.Micros `json:"at"` // the PC's clock
}

// manifest lists a set. Its bytes are signed by the device's key.
type manifest struct {
	Type   string         `json:"type"`
	Device string         `json:"device"`
	Report string         `json:"report"`
	Made   wire.Micros    `json:"made"`
	Items  []manifestItem `json:"items"`
}

// take reads one item into memory, cut off at the limits.
func (s *set) take(name string, at time.Time, write func(io.Writer) error) item {
	w := &bounded{left: max(0, min(maxItem, maxSet-s.bytes))}
	if err := write(w); err != nil {
		w.left += 1 << 10
		fmt.Fprintf(w, "\ncould not be read: %v\n", err)
	}
	if w.dropped > 0 {
		w.left += 1 << 10
		fmt.Fprintf(w, "\n%d bytes left out\n", w.dropped)
	}
	s.bytes += len(w.b)
	return item{itemName(name), w.b, at}
}

// put writes one item down, to be sent.
func (s *set) put(sp *spool, i item) error {
	sum := sha256.Sum256(i.data)
	s.items = append(s.items, manifestItem{i.name, len(i.data), hex.EncodeToString(sum[:]), wire.MicrosOf(i.at)})
	return sp.addEvidence(s.key, i.name, i.data)
}

// close adds the manifest and its signature.
func (s *set) close(sp *spool, who *Identity, at time.Time) error {
	m := manifest{Type: "sekimori-evidence-v1", Report: s.key, Made: wire.MicrosOf(at), Items: s.items}
	if who != nil {
		m.Device = who.Device
	}
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := sp.addEvidence(s.key, "manifest.json", raw); err != nil {
		return err
	}
	if who == nil || who.Key == nil {
		return nil
	}
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(who.Key, raw))
	return sp.addEvidence(s.key, "manifest.json.sig", []byte(sig+"\n"))
}

// newKey names a report.
func newKey(at time.Time) string { return id.New("rep", at) }

// send delivers what waits, oldest first and reports before evidence. told hears of each
// report's case.
func (s *spool) send(ctx context.Context, c *Client, told func(key string, r wire.Reported)) error {
	homeless := map[string]error{} // evidence whose order or report has no case yet, by key
	for _, w := range s.list() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if homeless[w.key] != nil {
			continue
		}
		raw, err := s.read(w)
		if err != nil {
			return err
		}
		if w.report {
			err = s.sendReport(ctx, c, raw, told)
		} else {
			err = c.Evidence(ctx, w.key, w.name, mediaOf(w.name), raw)
		}
		var refused *Refused
		if !w.report && errors.As(err, &refused) && refused.Status == http.StatusNotFound && time.Since(w.at) < caseTime {
			homeless[w.key] = err
			continue
		}
		if w.report && errors.As(err, &refused) && (notNow(refused) || !w.press && refused.Status == http.StatusTooManyRequests) {
			homeless[w.key] = err // it is tried again, and nothing waits behind it
			continue
		}
		if err != nil && !useless(err, w.report) {
			return err
		}
		if err := s.remove(w); err != nil {
			return err
		}
	}
	return errors.Join(slices.Collect(maps.Values(homeless))...)
}

// notNow reports whether the server has refused this one report, and not the device or
// everything that comes now.
func notNow(r *Refused) bool {
	return r.Status == http.StatusConflict || r.Status == http.StatusRequestEntityTooLarge || r.Status == http.StatusUnprocessableEntity
}

// caseTime is how long evidence waits for somebody to give its order a case.
const caseTime = 7 * 24 * time.Hour

var errGarbled = errors.New("spool: an entry cannot be read")

func (s *spool) sendReport(ctx context.Context, c *Client, raw []byte, told func(string, wire.Reported)) error {
	var in wire.Infection
	if err := json.Unmarshal(raw, &in); err != nil {
		return errGarbled
	}
	out, err := c.Report(ctx, in)
	if err == nil {
		told(in.Key, out)
	}
	return err
}

// useless reports whether sending again can change nothing. A report is given up only
// when nobody could read it.
func useless(err error, report bool) bool {
	if errors.Is(err, errGarbled) {
		return true
	}
	var r *Refused
	if report || !errors.As(err, &r) {
		return false
	}
	return r.Status == 404 || r.Status == 409 || r.Status == 413 || r.Status == 422 || r.Code == "fault.device_files"
}

func mediaOf(name string) string {
	switch {
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	case strings.HasSuffix(name, ".csv"):
		return "text/csv; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}
