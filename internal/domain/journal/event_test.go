package journal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/journal"
)

func TestNewEventRefuses(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name, kind, subject, actor string
		at                         time.Time
		data                       any
		ok                         bool
	}{
		{name: "plain", kind: "incident.reported", subject: "inc_1", actor: "per_1", at: at, ok: true},
		{name: "no subject", kind: "account.throttled", actor: "outside", at: at, ok: true},
		{name: "no kind", subject: "inc_1", actor: "per_1", at: at},
		{name: "capital kind", kind: "Incident", actor: "per_1", at: at},
		{name: "line break in kind", kind: "a\nb", actor: "per_1", at: at},
		{name: "line break in subject", kind: "a", subject: "x\ny", actor: "per_1", at: at},
		{name: "quote in subject", kind: "a", subject: `x"`, actor: "per_1", at: at},
		{name: "long subject", kind: "a", subject: strings.Repeat("x", 129), actor: "per_1", at: at},
		{name: "no actor", kind: "a", at: at},
		{name: "zero time", kind: "a", actor: "per_1"},
		{name: "unmarshalable", kind: "a", actor: "per_1", at: at, data: func() {}},
	}
	for _, tt := range tests {
		if _, err := journal.NewEvent(tt.at, tt.kind, tt.subject, tt.actor, tt.data); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestEventRowRoundTrip(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 9, 0, 0, 123456789, time.FixedZone("JST", 9*3600))
	type data struct {
		Z string  `json:"z"`
		A int64   `json:"a"`
		F float64 `json:"f"`
	}
	e, err := journal.NewEvent(at, "incident.reported", "inc_1", "per_1", data{"<関守 & 人>\u2028", 9007199254740993, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(e.Data), `{"a":9007199254740993,"f":0.1,"z":`) {
		t.Errorf("not canonical: %s", e.Data)
	}
	r, err := e.Row()
	if err != nil {
		t.Fatal(err)
	}
	back, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, back); d != "" {
		t.Error(d)
	}
	again, err := e.Row()
	if err != nil {
		t.Fatal(err)
	}
	if again.Commitment == r.Commitment {
		t.Error("the same event twice has the same commitment: the salt is not drawn anew")
	}
	changed := r
	changed.Content = []byte(strings.Replace(string(r.Content), "per_1", "per_2", 1))
	if _, err := changed.Open(); !errors.Is(err, journal.ErrContent) {
		t.Errorf("changed content opens: %v", err)
	}
	erased := r.Erased(at)
	if _, err := erased.Open(); !errors.Is(err, journal.ErrErased) {
		t.Errorf("erased row: %v", err)
	}
	if erased.Salt != nil || erased.Content != nil || erased.Commitment != r.Commitment {
		t.Error("erasing keeps the commitment and nothing else")
	}
	lost := r
	lost.Salt, lost.Content = nil, nil
	if _, err := lost.Open(); !errors.Is(err, journal.ErrContent) {
		t.Errorf("content lost without erasure: %v", err)
	}
	nothing, err := journal.NewEvent(at, "account.closed", "acc_1", "system", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = nothing.Row(); err != nil || string(r.Content) != `{"actor":"system"}` {
		t.Errorf("event without data: %s, %v", r.Content, err)
	}
	big, err := journal.NewEvent(at, "account.closed", "acc_1", "system", strings.Repeat("x", 2<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.Row(); err == nil {
		t.Error("content of two megabytes goes in")
	}
}
