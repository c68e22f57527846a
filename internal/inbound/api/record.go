package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

type entriesIn struct {
	Kind    string `query:"kind" doc:"Beginning of the kind, such as incident." maxLength:"64"`
	Subject string `query:"subject" doc:"Id of the thing that it happened to." maxLength:"128"`
	After   string `query:"after" doc:"The next of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"100"`
}

type entriesOut struct {
	Body struct {
		Items []eventView `json:"items"`
		Next  string      `json:"next"`
	}
}

type checkpointOut struct {
	Body struct {
		Origin string    `json:"origin"`
		Size   int64     `json:"size" doc:"Entries that it covers."`
		Root   string    `json:"root" doc:"Base64 of the RFC 6962 root."`
		At     time.Time `json:"at,omitzero"`
		Note   string    `json:"note" doc:"The signed text. Keep it as it is, elsewhere."`
	}
}

type keyOut struct {
	Body struct {
		Origin string `json:"origin"`
		Key    string `json:"key" doc:"Public key that journal verify asks for."`
	}
}

type verdictOut struct {
	Body struct {
		At     time.Time  `json:"at"`
		Report reportView `json:"report"`
	}
}

// reportView is journal.Report on the wire.
type reportView struct {
	Intact           bool      `json:"intact"`
	Entries          int64     `json:"entries"`
	Erased           int64     `json:"erased"`
	Size             int64     `json:"size"`
	Root             string    `json:"root"`
	Checkpoints      int       `json:"checkpoints"`
	LastCheckpointAt time.Time `json:"last_checkpoint_at,omitzero"`
	FirstBad         *badView  `json:"first_bad,omitempty"`
}

type badView struct {
	Seq    int64  `json:"seq"`
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
	From   int64  `json:"range_from"`
	To     int64  `json:"range_to"`
}

type proofIn struct {
	Seq int64 `path:"seq" minimum:"0"`
}

type proofOut struct{ Body proofView }

// proofView is journal.Proof on the wire, which CheckProof reads back.
type proofView struct {
	Format     string   `json:"format"`
	Entry      any      `json:"entry"`
	Path       []string `json:"path"`
	Checkpoint string   `json:"checkpoint"`
}

func (s *server) journalRoutes() {
	const tag = "journal"
	add(s, op(http.MethodGet, "/journal/entries", "list-entries", tag, "The record, newest first"), s.entries)
	add(s, op(http.MethodGet, "/journal/checkpoint", "get-checkpoint", tag, "The newest signed checkpoint"), s.checkpoint)
	add(s, op(http.MethodGet, "/journal/key", "get-key", tag, "The public key of the record"),
		func(context.Context, access.Actor, *none) (*keyOut, error) {
			out := &keyOut{}
			out.Body.Origin, out.Body.Key = s.Audit.Origin(), s.Audit.PublicKey()
			return out, nil
		})
	add(s, op(http.MethodPost, "/journal/verify", "verify-journal", tag, "Let the server recompute its whole record"), s.verify)
	add(s, op(http.MethodGet, "/journal/entries/{seq}/proof", "prove-entry", tag, "Proof that one entry is in the record"), s.prove)
	export := op(http.MethodGet, "/journal/export", "export-journal", tag, "The whole record, as `journal verify` reads it")
	export.Responses = map[string]*huma.Response{"200": {Description: "Lines of JSON", Content: map[string]*huma.MediaType{"application/x-ndjson": {}}}}
	s.plain(export, s.export)
}

func (s *server) entries(ctx context.Context, by access.Actor, in *entriesIn) (*entriesOut, error) {
	q := audit.Query{Kind: in.Kind, Subject: in.Subject, Limit: in.Limit}
	if in.After != "" {
		n, err := strconv.ParseInt(in.After, 10, 64)
		if err != nil || n < 1 {
			return nil, badCursor()
		}
		q.Before = n
	}
	es, err := s.Audit.Entries(ctx, by, q)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &entriesOut{}
	out.Body.Items = []eventView{}
	for _, e := range es {
		v, err := sealedOf(o, e)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, v)
	}
	if len(es) == in.Limit && es[len(es)-1].Seq > 0 {
		out.Body.Next = strconv.FormatInt(es[len(es)-1].Seq, 10)
	}
	return out, nil
}

func (s *server) checkpoint(ctx context.Context, by access.Actor, _ *none) (*checkpointOut, error) {
	cp, err := s.Audit.Checkpoint(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &checkpointOut{}
	out.Body.Origin, out.Body.Size, out.Body.Root, out.Body.At, out.Body.Note = cp.Origin, cp.Size, cp.Root.String(), cp.At, string(cp.Note)
	return out, nil
}

func (s *server) verify(ctx context.Context, by access.Actor, _ *none) (*verdictOut, error) {
	v, err := s.Audit.Verify(ctx, by)
	if err != nil {
		return nil, err
	}
	r := v.Report
	out := &verdictOut{}
	out.Body.At = v.At
	out.Body.Report = reportView{Intact: r.Intact, Entries: r.Entries, Erased: r.Erased, Size: r.Size, Root: r.Root.String(),
		Checkpoints: r.Checkpoints, LastCheckpointAt: r.LastCheckpointAt}
	if b := r.FirstBad; b != nil {
		out.Body.Report.FirstBad = &badView{Seq: b.Seq, ID: b.ID, Reason: b.Reason, From: b.RangeFrom, To: b.RangeTo}
	}
	return out, nil
}

func (s *server) prove(ctx context.Context, by access.Actor, in *proofIn) (*proofOut, error) {
	if err := by.May(access.ReadJournal); err != nil {
		return nil, err
	}
	p, err := s.Audit.Prove(ctx, by, in.Seq)
	if errors.Is(err, journal.ErrNotSealed) {
		return nil, fault.Missing("entry")
	}
	if err != nil {
		return nil, fmt.Errorf("prove entry: %w", err)
	}
	out := &proofOut{Body: proofView{Format: p.Format, Entry: p.Entry, Checkpoint: p.Checkpoint, Path: []string{}}}
	for _, h := range p.Path {
		out.Body.Path = append(out.Body.Path, h.String())
	}
	return out, nil
}

// begun notes the first byte of a stream.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.Header().Set("Content-Type", "application/x-ndjson")
		b.Header().Set("Content-Disposition", `attachment; filename="journal.ndjson"`)
	}
	return b.ResponseWriter.Write(p)
}

func (s *server) export(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	out := &begun{ResponseWriter: w}
	err := s.Audit.Export(r.Context(), by, out)
	if err != nil && out.yes {
		// A record cut short would still verify up to its last checkpoint, so the
		// connection is broken where the reader sees it.
		s.logFailure(r.Context(), err)
		panic(http.ErrAbortHandler)
	}
	return err
}
