package asset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
	"sekimori/internal/testkit/letters"
)

// house is the ledger of the made-up company on a real database. per_gen keeps what
// belongs to d_gen; per_emp of d_sales1 borrows.
type house struct {
	*asset.Service
	t  *testing.T
	db *store.DB

	mu      sync.Mutex
	now     time.Time
	media   map[string][]wire.Medium // by device: as last reissued
	reg     map[string]*wire.Registration
	drafts  []asset.Draft
	fail    error             // of Draft
	pcs     map[string]string // device → person
	blobs   map[string][]byte
	nextReq int
}

func jst() *time.Location { return time.FixedZone("JST", 9*60*60) }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.SQLite(t), now: directorytest.Noon(), media: map[string][]wire.Medium{}, reg: map[string]*wire.Registration{},
		pcs: map[string]string{"dev_emp": "per_emp", "dev_sales": "per_sales", "dev_gen": "per_gen"}, blobs: map[string][]byte{}}
	storetest.Seed(t, h.db, directorytest.Company())
	h.Service = asset.NewService(asset.Parts{Store: h.db, Blobs: h, People: directory.NewService(h.db, h.clock), Devices: h, Now: h.clock, Zone: jst(),
		Calendar: jpcal.New(jst(), jpcal.Options{}), Reissue: h.reissue, Draft: h.draft,
		Sign: func(m wire.MediumToken) (string, error) { return "signed " + m.ID + " " + m.Asset, nil }})
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// reissue does what the device domain does: it asks, in the same transaction, what the PC
// is to let work.
func (h *house) reissue(ctx context.Context, tx asset.Tx, device string) error {
	asker, ok := tx.(interface {
		AllowedMedia(ctx context.Context, device string, now time.Time) ([]wire.Medium, *wire.Registration, error)
		GuardMode(ctx context.Context, department string) (wire.GuardMode, error)
	})
	if !ok {
		return fmt.Errorf("a transaction of the store cannot say what a PC lets work")
	}
	media, reg, err := asker.AllowedMedia(ctx, device, h.clock())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.media[device], h.reg[device] = media, reg
	return err
}

func (h *house) draft(_ context.Context, d asset.Draft) error {
	if h.fail != nil {
		return h.fail
	}
	h.drafts = append(h.drafts, d)
	return nil
}

func (h *house) Owner(_ context.Context, device string) (string, string, bool, error) {
	p, ok := h.pcs[device]
	if !ok {
		return "", "", false, fault.Missing("device")
	}
	return p, "PC of " + p, true, nil
}

func (h *house) OfPerson(_ context.Context, person string) ([]asset.DeviceRef, error) {
	var out []asset.DeviceRef
	for d, p := range h.pcs {
		if p == person {
			out = append(out, asset.DeviceRef{ID: d, Name: d})
		}
	}
	return out, nil
}

func (h *house) Put(_ context.Context, key string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil {
		h.blobs[key] = b
	}
	return err
}

func (h *house) Open(_ context.Context, key string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(h.blobs[key])), nil
}

func (h *house) Delete(_ context.Context, key string) error {
	delete(h.blobs, key)
	return nil
}

func (h *house) as(person string) access.Actor {
	return directorytest.As(directorytest.Company(), person, h.clock())
}

// must gives a value that no error came with: must(f())(t).
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stick enters a USB memory of general affairs.
func (h *house) stick(number string) *asset.Asset {
	h.t.Helper()
	return must(h.Add(h.t.Context(), h.as("per_it"), asset.Asset{Number: number, Kind: asset.USBMemory, Model: "架空 UX-1", Capacity: 32e9, Department: "d_gen", Keeper: "per_gen", Place: "本社3階"}))(h.t)
}

// registered enters a stick that a PC has read.
func (h *house) registered(number, serial string) *asset.Asset {
	h.t.Helper()
	h.stick(number)
	r := must(h.AskRegistration(h.t.Context(), h.as("per_it"), number, "dev_gen"))(h.t)
	h.tell("dev_gen", wire.MediaEvent{Key: "reg-" + number, What: wire.MediaRegistered, Register: r.ID, Token: r.Token, Vendor: "0951", Product: "1666", Serial: serial, Capacity: 31e9})
	return must(h.db.Asset(h.t.Context(), number))(h.t)
}

func (h *house) tell(device string, events ...wire.MediaEvent) {
	h.t.Helper()
	for i := range events {
		if events[i].At == 0 {
			events[i].At = wire.MicrosOf(h.clock())
		}
	}
	ok(h.t, h.TakeMedia(h.t.Context(), device, events))
}

// form is an application for a week from now on.
func (h *house) form(number, device string) asset.LoanForm {
	return asset.LoanForm{Asset: number, Kind: asset.USBMemory, Purpose: "見積書を客先で見せる", Contents: "見積書3件", Device: device,
		From: h.clock(), Until: h.clock().Add(7 * 24 * time.Hour)}
}

// grant stores an approved request.
func (h *house) grant(person, kind string, form any, state request.State) string {
	h.t.Helper()
	raw, err := json.Marshal(form)
	ok(h.t, err)
	h.nextReq++
	r := &request.Request{ID: id.New("req", h.clock()), Label: fmt.Sprintf("REQ-2026-%04d", h.nextReq), Kind: kind, By: person, Revision: 1,
		Content: request.Content{Form: raw, Title: "x"}, State: state, Asked: h.clock(), Deadline: h.clock().Add(24 * time.Hour)}
	ok(h.t, h.db.UpdateRequests(h.t.Context(), func(tx request.Tx) error { return tx.InsertRequest(h.t.Context(), r, r.ID) }))
	return r.Label
}

// lend hands a stick over to per_emp for a week, who receives it.
func (h *house) lend(number string) *asset.Loan {
	h.t.Helper()
	req := h.grant("per_emp", asset.KindLoan, h.form(number, "dev_emp"), request.Approved)
	l := must(h.HandOver(h.t.Context(), h.as("per_gen"), asset.HandOver{Request: req, Asset: number}))(h.t)
	return must(h.Receive(h.t.Context(), h.as("per_emp"), l.Label))(h.t)
}

func (h *house) kinds(number string) string {
	h.t.Helper()
	a := must(h.db.Asset(h.t.Context(), number))(h.t)
	evs := must(h.db.AssetHistory(h.t.Context(), a.ID, 100))(h.t)
	var out []string
	for i := len(evs) - 1; i >= 0; i-- {
		out = append(out, evs[i].Kind)
	}
	return strings.Join(out, " ")
}

func (h *house) letters() []string {
	h.t.Helper()
	ls := must(h.db.ClaimLetters(h.t.Context(), h.clock(), time.Minute, 1000))(h.t)
	var out []string
	for _, l := range ls {
		out = append(out, l.Topic+" to "+l.Person)
		letters.Complete(h.t, l.Topic, l.Args)
		l.State, l.SentAt = notice.Sent, h.clock()
		ok(h.t, h.db.UpdateLetters(h.t.Context(), func(tx notice.LetterTx) error { return tx.SaveLetter(h.t.Context(), l) }))
	}
	return out
}

// fire runs what is due until nothing is.
func (h *house) fire() {
	h.t.Helper()
	for range 50 {
		if must(h.FireDue(h.t.Context()))(h.t) == 0 {
			return
		}
	}
	h.t.Fatal("timers never rest")
}
