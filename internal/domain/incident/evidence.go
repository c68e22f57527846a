package incident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Upload is a file on its way in. Media is what the edge found by looking at the
// bytes; the sender's own claim is never used.
type Upload struct {
	Name  string
	Media string
	Body  io.Reader
	// Once names a file that a program may send again, such as after a lost answer: the
	// case keeps the first of that name. Empty for files that people add.
	Once string
}

// errKept says that another has added the file meanwhile.
var errKept = errors.New("file is kept already")

// AddEvidence keeps a file with a case. The bytes are on disk, encrypted, before the
// row that names them; a crash between the two leaves a blob that nobody names.
func (s *Service) AddEvidence(ctx context.Context, by access.Actor, incident string, u Upload) (Evidence, error) {
	c, err := s.Case(ctx, by, incident)
	if err != nil {
		return Evidence{}, err
	}
	if err := mayChange(by, c, AsFinder); err != nil {
		return Evidence{}, err
	}
	all, err := s.store.EvidenceOf(ctx, c.ID) // also what the actor does not see
	if err != nil {
		return Evidence{}, fmt.Errorf("load evidence of %s: %w", c.ID, err)
	}
	limit := s.limits.File
	if by.Via == access.ByCode {
		if limit, err = s.roomOutside(all); err != nil {
			return Evidence{}, err
		}
	}
	var used int64
	for _, e := range all {
		if u.Once != "" && e.Once == u.Once {
			return e, nil
		}
		used += e.Size
	}
	left := min(limit, s.limits.Case-used)
	if left <= 0 {
		return Evidence{}, fault.New(fault.TooLarge, "fault.case_full", fault.Args{"max": fmt.Sprint(s.limits.Case >> 20)})
	}
	e := Evidence{ID: id.New("evd", s.now()), Incident: c.ID, Name: fileName(u.Name), Media: u.Media, Once: u.Once, By: by.Person, At: s.now()}
	e.Blob = blobKey(c.ID, e.ID)
	d := newDigest(u.Body, left)
	if err := s.blobs.Put(ctx, e.Blob, d); err != nil {
		if fault.Is(err, fault.TooLarge) {
			return Evidence{}, fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": fmt.Sprint(left)})
		}
		return Evidence{}, fmt.Errorf("keep evidence: %w", err)
	}
	e.Size = d.size
	d.sum.Sum(e.SHA256[:0])
	if e.Size == 0 {
		var c fault.Check
		c.Add("file", "fault.empty_file", nil)
		return Evidence{}, errors.Join(c.Err(), s.blobs.Delete(ctx, e.Blob))
	}
	var first Evidence
	err = s.work(ctx, by, incident, AsFinder, func(tx Tx, i *Incident) (journal.Event, error) {
		if e.Once != "" {
			old, there, err := tx.EvidenceOnce(ctx, i.ID, e.Once)
			if err != nil {
				return journal.Event{}, fmt.Errorf("find evidence: %w", err)
			}
			if there {
				first = old
				return journal.Event{}, errKept
			}
		}
		if by.Via == access.ByCode { // others of theirs may have come while this one was on its way
			kept, err := s.store.EvidenceOf(ctx, i.ID)
			if err != nil {
				return journal.Event{}, fmt.Errorf("load evidence of %s: %w", i.ID, err)
			}
			if _, err := s.roomOutside(kept); err != nil {
				return journal.Event{}, err
			}
		}
		if err := tx.InsertEvidence(ctx, e); err != nil {
			return journal.Event{}, fmt.Errorf("insert evidence: %w", err)
		}
		return journal.NewEvent(e.At, "incident.evidence_added", i.ID, by.Person,
			map[string]any{"evidence": e.ID, "name": e.Name, "size": e.Size, "sha256": fmt.Sprintf("%x", e.SHA256)})
	})
	if errors.Is(err, errKept) {
		return first, s.blobs.Delete(context.WithoutCancel(ctx), e.Blob)
	}
	// A row that was refused names no file. One whose fate is unknown may, so that its
	// file stays.
	if f := fault.As(err); f != nil && f.ID != "fault.unavailable" {
		err = errors.Join(err, s.blobs.Delete(context.WithoutCancel(ctx), e.Blob))
	}
	return e, err
}

// OpenEvidence gives a file of a case that the actor may see; reading is recorded.
func (s *Service) OpenEvidence(ctx context.Context, by access.Actor, evidence string) (Evidence, io.ReadCloser, error) {
	e, err := s.store.EvidenceByID(ctx, evidence)
	if err != nil {
		return Evidence{}, nil, err
	}
	c, err := s.Case(ctx, by, e.Incident)
	if err != nil {
		return Evidence{}, nil, err
	}
	if c.Sight == AsFinder && !c.added(by, e) || !e.ErasedAt.IsZero() {
		return Evidence{}, nil, fault.Missing("evidence")
	}
	ev, err := journal.NewEvent(s.now(), "incident.evidence_read", e.Incident, by.Person, map[string]string{"evidence": e.ID})
	if err != nil {
		return Evidence{}, nil, err
	}
	if err := s.store.UpdateIncidents(ctx, func(tx Tx) error { return tx.Record(ctx, ev) }); err != nil {
		return Evidence{}, nil, fmt.Errorf("record reading: %w", err)
	}
	r, err := s.blobs.Open(ctx, e.Blob)
	if err != nil {
		return Evidence{}, nil, fmt.Errorf("open evidence %s: %w", e.ID, err)
	}
	return e, r, nil
}

// fileName keeps the last part of a name as a label, without anything that a path,
// a header or a terminal could take amiss.
func fileName(s string) string {
	s = path.Base(strings.ReplaceAll(strings.ToValidUTF8(s, "_"), `\`, "/"))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`/:*?"<>|;`, r) {
			return '_'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 120 {
		s = string(r[:80]) + "…" + string(r[len(r)-30:])
	}
	if s == "" || s == "." || s == ".." {
		return "file"
	}
	return s
}
