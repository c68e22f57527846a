package notice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// carrier is a provider of letters that answers as told.
type carrier struct {
	sent []string
	do   func(l notice.Letter) (string, error)
}

func (c *carrier) SendLetter(_ context.Context, l notice.Letter) (string, error) {
	c.sent = append(c.sent, l.ID)
	if c.do == nil {
		return "250 ok", nil
	}
	return c.do(l)
}

func planLetter(t *testing.T, db *store.DB, l notice.Letter) {
	t.Helper()
	if err := db.UpdateRequests(t.Context(), func(tx request.Tx) error { return tx.PlanLetter(t.Context(), l) }); err != nil {
		t.Fatal(err)
	}
}

func TestCourier(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
	db, now, c := storetest.SQLite(t), &clock{t: start}, &carrier{}
	mail := notice.NewCourier(db, c, now.now, 1)
	letter := func(id string) notice.Letter {
		return notice.Letter{ID: id, Key: id, Topic: "request.decide", About: "req_1", Person: "per_pm", Args: map[string]string{"title": "secret"}, Planned: start, NextTry: start, State: notice.Planned}
	}
	send := func(want ...string) error {
		t.Helper()
		c.sent = nil
		n, err := mail.SendDue(t.Context())
		if n != len(want) || strings.Join(c.sent, " ") != strings.Join(want, " ") {
			t.Errorf("%d tried, sent %v, want %v", n, c.sent, want)
		}
		return err
	}
	state := func(id string) notice.Letter {
		t.Helper()
		l, err := db.LetterByID(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}

	planLetter(t, db, letter("ltr_a"))
	if err := send("ltr_a"); err != nil {
		t.Fatal(err)
	}
	if l := state("ltr_a"); l.State != notice.Sent || l.Answer != "250 ok" || !l.SentAt.Equal(start) || l.Tries != 1 {
		t.Errorf("sent: %+v", l)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}

	// The mail server is down: tried again without end, less and less often.
	down := errors.New("connection refused")
	c.do = func(notice.Letter) (string, error) { return "", down }
	planLetter(t, db, letter("ltr_b"))
	for try, wait := range []time.Duration{2, 5, 15, 30, 60, 120, 120} {
		if err := send("ltr_b"); !errors.Is(err, down) {
			t.Errorf("try %d: %v", try+1, err)
		}
		next, ok, err := mail.NextDue(t.Context())
		if err != nil || !ok || !next.Equal(now.now().Add(wait*time.Second)) {
			t.Errorf("try %d: next %v, %v, %v", try+1, next.Sub(now.now()), ok, err)
		}
		now.set(next.Add(-time.Millisecond))
		if err := send(); err != nil {
			t.Error(err)
		}
		now.set(next)
	}
	c.do = nil
	if err := send("ltr_b"); err != nil {
		t.Error(err)
	}

	// A final no, and one called off while its try fails.
	c.do = func(notice.Letter) (string, error) { return "", &notice.Rejection{Answer: "550 no such user"} }
	planLetter(t, db, letter("ltr_c"))
	if err := send("ltr_c"); err != nil {
		t.Error(err)
	}
	if l := state("ltr_c"); l.State != notice.Refused || l.Answer != "550 no such user" {
		t.Errorf("refused: %+v", l)
	}
	c.do = func(notice.Letter) (string, error) {
		return "", errors.Join(down, db.UpdateRequests(t.Context(), func(tx request.Tx) error { return tx.CallOff(t.Context(), "req_1", "") }))
	}
	planLetter(t, db, letter("ltr_d"))
	if err := send("ltr_d"); !errors.Is(err, down) {
		t.Error(err)
	}
	if l := state("ltr_d"); l.State != notice.Cancelled {
		t.Errorf("called off on its way: %+v", l)
	}
	now.set(now.now().Add(time.Hour))
	if err := send(); err != nil {
		t.Error(err)
	}

	events, err := db.History(t.Context(), "req_1")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		if strings.Contains(string(e.Data), "secret") {
			t.Errorf("the record holds what the letter says: %s", e.Data)
		}
	}
	if got, want := strings.Join(kinds, " "), "letter.sent letter.delayed letter.sent letter.refused letter.cancelled"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
}

// TestCourierGivesUp: a letter that fails for as long as its link lives is given up, once,
// and counted as refused.
func TestCourierGivesUp(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
	db, now, down := storetest.SQLite(t), &clock{t: start}, errors.New("connection refused")
	mail := notice.NewCourier(db, &carrier{do: func(notice.Letter) (string, error) { return "", down }}, now.now, 1)
	planLetter(t, db, notice.Letter{ID: "ltr_a", Key: "a", Topic: "request.decide", About: "req_1", Person: "per_pm", Planned: start, NextTry: start, State: notice.Planned})
	for _, after := range []time.Duration{0, notice.LinkLife, notice.LinkLife + time.Hour} {
		now.set(start.Add(after))
		if n, err := mail.SendDue(t.Context()); n != 1 || !errors.Is(err, down) {
			t.Errorf("after %v: %d tried, %v", after, n, err)
		}
	}
	now.set(start.Add(2 * notice.LinkLife))
	if n, err := mail.SendDue(t.Context()); n != 0 || err != nil {
		t.Errorf("given up: %d tried, %v", n, err)
	}
	l, err := db.LetterByID(t.Context(), "ltr_a")
	if err != nil || l.State != notice.Refused || l.Answer != "connection refused" {
		t.Errorf("given up as %+v, %v", l, err)
	}
	if s, err := db.Stats(t.Context(), start.Add(notice.LinkLife+2*time.Hour)); err != nil || s.LettersRefused != 1 || s.Letters != 0 {
		t.Errorf("counted as %+v, %v", s, err)
	}
	events, err := db.History(t.Context(), "req_1")
	if err != nil || len(events) != 2 || events[0].Kind != "letter.delayed" || events[1].Kind != "letter.given_up" {
		t.Errorf("events %+v, %v", events, err)
	}
}

// TestLetterLinks: a notice's token opens no letter, nor the other way round.
func TestLetterLinks(t *testing.T) {
	t.Parallel()
	links := notice.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	token := links.LetterToken("ltr_a")
	if got, err := links.ReadLetter(token); err != nil || got != "ltr_a" {
		t.Errorf("%q, %v", got, err)
	}
	for name, bad := range map[string]string{"a notice's": links.Token("ltr_a"), "another letter's": strings.Replace(token, "ltr_a", "ltr_b", 1),
		"another key's": notice.NewLinks(make([]byte, 32)).LetterToken("ltr_a"), "none": "", "no proof": "ltr_a."} {
		if got, err := links.ReadLetter(bad); err == nil {
			t.Errorf("%s token opened %q", name, got)
		}
	}
	if _, err := links.Read(token); err == nil {
		t.Error("a letter's token opened a notice")
	}
}

// TestCourierErases: what was settled long ago goes, batch after batch, with an event.
func TestCourierErases(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
	db, now := storetest.SQLite(t), &clock{t: start}
	post := notice.NewCourier(db, &carrier{}, now.now, 1)
	if err := db.UpdateRequests(t.Context(), func(tx request.Tx) error {
		for n := range 503 {
			id := fmt.Sprint("ltr_", n)
			l := notice.Letter{ID: id, Key: id, Topic: "request.decide", Planned: start.Add(time.Duration(n) * time.Second), State: notice.Sent}
			if err := tx.PlanLetter(t.Context(), l); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := post.Erase(t.Context(), access.Actor{Person: "per_it", Duties: []access.Duty{access.ITAdmin}}, start); !fault.Is(err, fault.Denied) {
		t.Errorf("by the IT administrator: %v", err)
	}
	for _, want := range []int{502, 0} {
		if n, err := post.Erase(t.Context(), access.System(), start.Add(502*time.Second)); n != want || err != nil {
			t.Errorf("erased %d, want %d, %v", n, want, err)
		}
	}
	events, err := db.History(t.Context(), "")
	if err != nil || len(events) != 2 {
		t.Errorf("%d events, %v", len(events), err)
	}
}
