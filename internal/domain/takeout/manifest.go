package takeout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/prose"
)

// Bounds of a manifest.
const (
	MaxLines     = 5000
	maxManifests = 200     // of one person that no pass was made with
	maxFileSize  = 1 << 50 // bytes; what says more lies
	maxPeople    = 1_000_000_000
)

// Line is one file of a manifest.
type Line struct {
	Name      string   `json:"name"`
	Size      int64    `json:"size"`   // bytes
	SHA256    string   `json:"sha256"` // lower case hexadecimal
	Kinds     []string `json:"kinds,omitempty"`
	People    int      `json:"people,omitempty"`    // about so many are named in it
	Encrypted string   `json:"encrypted,omitempty"` // how, in words; "" for not
}

// Manifest is the list of the files of one take-out (持ち出し目録), as a program counted
// them. It never changes.
type Manifest struct {
	ID     string // tkm_…
	Person string
	At     time.Time
	SHA256 string // of Lines as they are stored, hexadecimal
	Lines  []Line
}

// Bytes is the size of all files.
func (m Manifest) Bytes() (n int64) {
	for _, l := range m.Lines {
		n += l.Size
	}
	return n
}

// Most is the largest number of people that one file names: at least so many there are.
func (m Manifest) Most() (n int) {
	for _, l := range m.Lines {
		n = max(n, l.People)
	}
	return n
}

// Kinds are the kinds of personal data in any of the files, in the order of the pages.
func (m Manifest) Kinds() []string {
	return slices.DeleteFunc(Kinds(), func(k string) bool {
		return k == NoPersonal || !slices.ContainsFunc(m.Lines, func(l Line) bool { return slices.Contains(l.Kinds, k) })
	})
}

// ReadLines gives back the lines of a stored manifest.
func ReadLines(stored []byte) ([]Line, error) {
	var out []Line
	if err := json.Unmarshal(stored, &out); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return out, nil
}

// KeepManifest keeps the list of the files of a take-out that is asked for next. The same
// person's same list is kept once.
func (s *Service) KeepManifest(ctx context.Context, by access.Actor, lines []Line) (Manifest, error) {
	if err := by.May(access.Submit); err != nil {
		return Manifest{}, err
	}
	lines, err := accept(lines)
	if err != nil {
		return Manifest{}, err
	}
	text, err := json.Marshal(lines)
	if err != nil {
		return Manifest{}, fmt.Errorf("marshal manifest: %w", err)
	}
	now, hash := s.now(), sha256.Sum256(text)
	m := Manifest{ID: id.New("tkm", now), Person: by.Person, At: now, SHA256: hex.EncodeToString(hash[:]), Lines: lines}
	err = s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) error {
		same, found, err := tx.ManifestLike(ctx, by.Person, m.SHA256)
		if err != nil {
			return fmt.Errorf("look for the same manifest: %w", err)
		}
		if found {
			m.ID, m.At = same.ID, same.At
			return nil
		}
		n, err := tx.CountManifests(ctx, by.Person)
		if err != nil {
			return fmt.Errorf("count manifests: %w", err)
		}
		if n >= maxManifests {
			return fault.New(fault.TooMany, "fault.takeout_manifests", fault.Args{"max": fmt.Sprint(maxManifests)})
		}
		if err := tx.InsertManifest(ctx, m, text); err != nil {
			return fmt.Errorf("insert manifest: %w", err)
		}
		return record(ctx, tx, now, "takeout.manifest", m.ID, by.Person, map[string]any{"files": len(lines), "bytes": m.Bytes(), "sha256": m.SHA256})
	})
	return m, err
}

// accept brings the lines into the form in which they are kept, and says what must be mended.
func accept(lines []Line) ([]Line, error) {
	var c fault.Check
	c.That(len(lines) > 0, "lines", "fault.required", nil)
	c.That(len(lines) <= MaxLines, "lines", "fault.too_many_items", fault.Args{"max": fmt.Sprint(MaxLines)})
	if err := c.Err(); err != nil {
		return nil, err
	}
	out := slices.Clone(lines)
	for n := range out {
		l := &out[n]
		// Names of files are kept as they are: only what no page can show is refused.
		c.That(utf8.ValidString(l.Name) && prose.Line(l.Name) != "" && utf8.RuneCountInString(l.Name) <= maxName, "lines", "fault.takeout_line", fault.Args{"line": fmt.Sprint(n + 1), "field": "name"})
		c.That(l.Size >= 0 && l.Size <= maxFileSize, "lines", "fault.takeout_line", fault.Args{"line": fmt.Sprint(n + 1), "field": "size"})
		l.Name, l.SHA256, l.Encrypted = prose.Line(l.Name), strings.ToLower(l.SHA256), prose.Clip(prose.Line(l.Encrypted), maxLine)
		raw, err := hex.DecodeString(l.SHA256)
		c.That(err == nil && len(raw) == sha256.Size, "lines", "fault.takeout_line", fault.Args{"line": fmt.Sprint(n + 1), "field": "sha256"})
		c.That(l.People >= 0 && l.People <= maxPeople, "lines", "fault.takeout_line", fault.Args{"line": fmt.Sprint(n + 1), "field": "people"})
		l.Kinds = chosen(Kinds(), l.Kinds)
		for _, k := range lines[n].Kinds {
			c.That(slices.Contains(Kinds(), k) && k != NoPersonal, "lines", "fault.takeout_line", fault.Args{"line": fmt.Sprint(n + 1), "field": "kinds"})
		}
		if c.Err() != nil { // one line that is wrong is enough to say
			return nil, c.Err()
		}
	}
	return out, nil
}

// chosen are those of the known words that were given, each once and in their order.
func chosen(known, given []string) []string {
	return slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !slices.Contains(given, k) })
}

// ManifestOf gives the files of an application to whoever was given the application: who
// may read it is decided there. No lines when it has no manifest.
func (s *Service) ManifestOf(ctx context.Context, r *request.Request) (Manifest, error) {
	var f Form
	if r.Kind != KindTakeOut {
		return Manifest{}, fault.Missing("request")
	}
	if err := read(r.Form, &f); err != nil || f.Manifest == "" {
		return Manifest{}, err
	}
	return s.manifest(ctx, f)
}

// manifest gives the manifest of a form; none when it was forgotten with an older pass.
func (s *Service) manifest(ctx context.Context, f Form) (Manifest, error) {
	m, err := s.p.Store.Manifest(ctx, f.Manifest)
	if fault.Is(err, fault.NotFound) {
		return Manifest{}, nil
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("load manifest: %w", err)
	}
	return m, nil
}
