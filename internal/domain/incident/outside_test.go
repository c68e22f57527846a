package incident_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

func (h *house) outside(change func(*incident.OutsideReport)) (*incident.Incident, incident.Code) {
	h.t.Helper()
	r := incident.OutsideReport{Kind: incident.Virus, Summary: "受付のPCの画面が赤い", Name: "通行 一郎", Contact: "ichiro@outside.example", Channel: "web"}
	if change != nil {
		change(&r)
	}
	i, code, err := h.cases.ReportOutside(h.t.Context(), access.Outside(""), r)
	h.must(err)
	return i, code
}

func (h *house) receivers(i *incident.Incident) (rs []notice.Receiver, told []string) {
	h.t.Helper()
	ts, people, _, err := h.db.TracksOf(h.t.Context(), i.ID)
	h.must(err)
	for _, t := range ts {
		rs = append(rs, t.Receiver)
		if t.Reporter != "" {
			h.t.Errorf("a track has the reporter %q", t.Reporter)
		}
	}
	for _, p := range people {
		told = append(told, p.Person)
	}
	slices.Sort(rs)
	slices.Sort(told)
	return rs, told
}

func TestOutsideReportIsStoredAndTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i, code := h.outside(nil)
	if i.Label != "INC-2026-0001" || i.Reporter != "" || i.Finder() != "" || i.Outside == nil || i.Outside.Name != "通行 一郎" || i.Teller() != access.Nobody {
		t.Errorf("case %+v, %+v", i, i.Outside)
	}
	if rs, told := h.receivers(i); !slices.Equal(rs, []notice.Receiver{notice.ITAdmin, notice.Manager}) || !slices.Equal(told, []string{"per_it", "per_pm"}) {
		t.Errorf("told %v of %v", told, rs)
	}
	evs, err := h.db.History(t.Context(), i.ID)
	h.must(err)
	said := string(evs[0].Data)
	if evs[0].Actor != access.Nobody || !strings.Contains(said, `"outside":true`) || strings.Contains(said, "通行") || strings.Contains(said, "ichiro") || strings.Contains(said, string(code)) {
		t.Errorf("the record says %s by %s", said, evs[0].Actor)
	}
	// The head of a department that was named is told too, or of the one above it.
	i, _ = h.outside(func(r *incident.OutsideReport) { r.Kind, r.Department = incident.Missent, "d_sales1" })
	rs, told := h.receivers(i)
	o, err := h.people.Org(t.Context())
	h.must(err)
	head := o.StandIn(o.HeadOf("d_sales1"), h.clock(), nil)
	if !slices.Equal(rs, []notice.Receiver{notice.Manager, notice.Supervisor}) || !slices.Contains(told, head) || head == "" {
		t.Errorf("told %v of %v, want the head %q among them", told, rs, head)
	}
}

// Whoever of us writes down a call is the reporter and no finder: they may be told.
func TestOutsideReportByTelephone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	r := incident.OutsideReport{Kind: incident.Missent, Summary: "封筒が届いたとの電話", Channel: "phone", Words: "折り返しを約束"}
	i, code, err := h.cases.ReportOutside(t.Context(), h.as("per_pm"), r)
	h.must(err)
	if i.Reporter != "per_pm" || i.Finder() != "" || i.Teller() != "per_pm" || code == "" {
		t.Errorf("case %+v", i)
	}
	if _, told := h.receivers(i); !slices.Equal(told, []string{"per_pm"}) {
		t.Errorf("told %v", told)
	}
	i, _, err = h.cases.ReportOutside(t.Context(), h.as("per_emp"), r)
	h.must(err)
	c, err := h.cases.Case(t.Context(), h.as("per_emp"), i.ID)
	h.must(err)
	if c.Sight != incident.AsFinder || len(c.Entries) != 1 || c.Entries[0].By != "per_emp" {
		t.Errorf("who wrote it down sees %v, %+v", c.Sight, c.Entries)
	}
	if _, _, err := h.cases.ReportOutside(t.Context(), access.System(), r); err != nil {
		t.Errorf("from a mailbox: %v", err)
	}
}

func TestOutsideReportRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	good := incident.OutsideReport{Kind: incident.Lost, Summary: "x", Channel: "web"}
	for name, x := range map[string]struct {
		field  string
		change func(*incident.OutsideReport)
	}{
		"no kind":            {"kind", func(r *incident.OutsideReport) { r.Kind = "" }},
		"another kind":       {"kind", func(r *incident.OutsideReport) { r.Kind = "x" }},
		"no summary":         {"summary", func(r *incident.OutsideReport) { r.Summary = " \u200b\u202e " }},
		"long summary":       {"summary", func(r *incident.OutsideReport) { r.Summary = strings.Repeat("長", 201) }},
		"long words":         {"text", func(r *incident.OutsideReport) { r.Words = strings.Repeat("長", 4001) }},
		"long name":          {"name", func(r *incident.OutsideReport) { r.Name = strings.Repeat("長", 101) }},
		"long contact":       {"contact", func(r *incident.OutsideReport) { r.Contact = strings.Repeat("長", 201) }},
		"another department": {"department", func(r *incident.OutsideReport) { r.Department = "d_none" }},
		"long key":           {"key", func(r *incident.OutsideReport) { r.Key = strings.Repeat("k", 301) }},
	} {
		r := good
		x.change(&r)
		_, _, err := h.cases.ReportOutside(t.Context(), access.Outside(""), r)
		if f := fault.As(err); f == nil || len(f.Fields) != 1 || f.Fields[0].Name != x.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	device, link := h.as("per_emp"), h.as("per_emp")
	device.Via, link.Via = access.ByDevice, access.ByLink
	for name, by := range map[string]access.Actor{"a PC": device, "a link": link, "nobody": {}, "who has a code": access.Outside("inc_x")} {
		if _, _, err := h.cases.ReportOutside(t.Context(), by, good); fault.As(err) == nil {
			t.Errorf("%s reported: %v", name, err)
		}
	}
	if _, err := h.cases.Report(t.Context(), access.Outside(""), incident.Report{Kind: incident.Lost, Summary: "x"}); !fault.Is(err, fault.Denied) {
		t.Errorf("a stranger reports as one of us: %v", err)
	}
	if _, err := h.cases.Find(t.Context(), access.Outside("inc_x"), incident.Query{}); !fault.Is(err, fault.Denied) {
		t.Errorf("a stranger lists cases: %v", err)
	}
}

// A line break or a mark that turns the direction of writing reaches no mail, no list.
func TestOutsideWordsStandOnOneLine(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i, _ := h.outside(func(r *incident.OutsideReport) {
		r.Summary, r.Name, r.Contact, r.Words = "a\r\nBcc: x\u202e\u2066b", "n\n\x00m", "c@x.example\r\nSubject: y\u200b", "w\u202e1\n2"
	})
	if i.Summary != "a Bcc: xb" || i.Outside.Name != "n m" || i.Outside.Contact != "c@x.example Subject: y" {
		t.Errorf("%q, %q", i.Summary, *i.Outside)
	}
	es, err := h.db.Entries(t.Context(), i.ID)
	h.must(err)
	if len(es) != 1 || es[0].Text != "w1\n2" || es[0].By != access.Nobody {
		t.Errorf("%+v", es)
	}
}

func TestOutsideReportIsRepeated(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	keyed := func(r *incident.OutsideReport) { r.Key = "k1" }
	first, one := h.outside(keyed)
	again, two := h.outside(keyed)
	if first.ID != again.ID || one == two {
		t.Errorf("%s with %s, then %s with %s", first.ID, one, again.ID, two)
	}
	for _, c := range []incident.Code{one, two} {
		if secret, err := h.cases.OpenCode(t.Context(), string(c), "192.0.2.1"); err != nil || secret == "" {
			t.Errorf("%s: %v", c, err)
		}
	}
	for name, change := range map[string]func(*incident.OutsideReport){
		"name":    func(r *incident.OutsideReport) { r.Name = "別人" },
		"contact": func(r *incident.OutsideReport) { r.Contact = "" },
		"summary": func(r *incident.OutsideReport) { r.Summary = "別の件" },
	} {
		r := incident.OutsideReport{Kind: incident.Virus, Summary: "受付のPCの画面が赤い", Name: "通行 一郎", Contact: "ichiro@outside.example", Channel: "web", Key: "k1"}
		change(&r)
		if _, _, err := h.cases.ReportOutside(t.Context(), access.Outside(""), r); !fault.Is(err, fault.Conflict) {
			t.Errorf("another %s under the same key: %v", name, err)
		}
	}
	other, _ := h.outside(func(r *incident.OutsideReport) { r.Key, r.Channel = "k1", "mail" })
	if other.ID == first.ID {
		t.Error("the keys of two ways in are the same")
	}
}

func TestCodesAreRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	seen := map[incident.Code]bool{}
	for range 200 {
		_, c := h.outside(nil)
		if seen[c] || len(c) != 16 || strings.Trim(string(c), "0123456789") != "" {
			t.Fatalf("code %q", c)
		}
		seen[c] = true
		wide := strings.Map(func(r rune) rune {
			if r == ' ' {
				return '－'
			}
			return r - '0' + '０'
		}, c.String())
		for _, typed := range []string{string(c), c.String(), " " + strings.ReplaceAll(c.String(), " ", "-") + "\n", wide} {
			if got, err := incident.ParseCode(typed); got != c || err != nil {
				t.Fatalf("%q is read as %q: %v", typed, got, err)
			}
		}
		// Each slip of one digit is noticed.
		for n := range c {
			b := []byte(c)
			b[n] = '0' + (b[n]-'0'+1)%10
			if _, err := incident.ParseCode(string(b)); !fault.Is(err, fault.Invalid) {
				t.Fatalf("%s passes for %s", b, c)
			}
		}
	}
	for _, bad := range []string{"", "   ", "1234", strings.Repeat("0", 17), "0000 0000 0000 000x", "<script>", strings.Repeat("0 ", 500)} {
		if _, err := incident.ParseCode(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("4539 1488 0343 6467")
	f.Add("４５３９－１４８８－０３４３－６４６７")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := incident.ParseCode(s)
		if err != nil {
			return
		}
		if again, err := incident.ParseCode(c.String()); again != c || err != nil {
			t.Errorf("%q is %q, then %q: %v", s, c, again, err)
		}
	})
}

// A visit sees its own case and what concerns a stranger in it, and may add to it.
func TestVisitSeesItsOwnCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ctx := t.Context()
	i, code := h.outside(func(r *incident.OutsideReport) { r.Words = "受付に人はいません" })
	other, _ := h.outside(nil)
	ours := h.report(incident.Virus, "per_emp", nil)
	secret, err := h.cases.OpenCode(ctx, code.String(), "192.0.2.1")
	h.must(err)
	by, err := h.cases.Visitor(ctx, secret)
	h.must(err)
	for _, id := range []string{other.ID, ours.ID, other.Label, "inc_none"} {
		if _, err := h.cases.Case(ctx, by, id); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s is seen: %v", id, err)
		}
		if _, err := h.cases.AddFact(ctx, by, id, incident.Addition{Text: "x"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s is added to: %v", id, err)
		}
	}
	it := h.as("per_it")
	h.must(h.cases.AddNote(ctx, it, i.ID, "内輪の話"))
	h.must(h.cases.Assign(ctx, it, i.ID, "per_it"))
	h.must(h.cases.SetStatus(ctx, it, i.ID, incident.Investigating, "内輪の理由"))
	_, err = h.cases.AddFact(ctx, it, i.ID, incident.Addition{Text: "担当者の記録"})
	h.must(err)
	_, err = h.cases.AddEvidence(ctx, it, i.ID, incident.Upload{Name: "log.txt", Media: "text/plain", Body: strings.NewReader("ours")})
	h.must(err)
	for _, tr := range h.tracks(i.ID) {
		if tr.Receiver == notice.ITAdmin {
			_, err := h.notice.Acknowledge(ctx, it, notice.Ack{Track: tr.ID, Note: "向かいます", Path: "web"})
			h.must(err)
		}
	}
	fact, err := h.cases.AddFact(ctx, by, i.ID, incident.Addition{Text: "まだ赤い\u202e"})
	h.must(err)
	mine, err := h.cases.AddEvidence(ctx, by, i.ID, incident.Upload{Name: "red.png", Media: "image/png", Body: strings.NewReader("png")})
	h.must(err)
	_, err = h.cases.AddFact(ctx, by, i.ID, incident.Addition{Question: "virus.signs", Text: incident.Unknown})
	h.must(err)

	c, err := h.cases.Case(ctx, by, i.ID)
	h.must(err)
	shown := fmt.Sprintf("%+v %+v %+v %+v %+v %+v", *c.Incident, c.Entries, c.Evidence, c.Tracks, c.Told, c.Attempts)
	for _, secret := range []string{"per_it", "per_pm", "内輪", "担当者の記録", "log.txt"} {
		if strings.Contains(shown, secret) {
			t.Errorf("a stranger reads %q in %s", secret, shown)
		}
	}
	for _, said := range []string{"受付に人はいません", "まだ赤い", "向かいます", "red.png", string(incident.Investigating)} {
		if !strings.Contains(shown, said) {
			t.Errorf("a stranger misses %q in %s", said, shown)
		}
	}
	if len(c.History) != 0 || len(c.Steps.Items) != 0 || fact.Text != "まだ赤い" || fact.By != access.Nobody || mine.By != access.Nobody {
		t.Errorf("history %v, steps %v, %+v, %+v", c.History, c.Steps, fact, mine)
	}
	// Nobody else's words are corrected, nothing is worked on.
	for _, e := range h.entries(i.ID) {
		if e.By == "per_it" && e.Type == incident.Fact {
			if _, err := h.cases.AddFact(ctx, by, i.ID, incident.Addition{Text: "違います", Corrects: e.ID}); fault.As(err) == nil {
				t.Errorf("a stranger corrects our words: %v", err)
			}
		}
	}
	for name, err := range map[string]error{
		"a note": h.cases.AddNote(ctx, by, i.ID, "x"), "a step": h.cases.SetStep(ctx, by, i.ID, "1", true), "closing": h.cases.AskClose(ctx, by, i.ID, "x"),
		"the status": h.cases.SetStatus(ctx, by, i.ID, incident.Confirming, "x"), "assigning": h.cases.Assign(ctx, by, i.ID, "per_it"),
	} {
		if fault.As(err) == nil {
			t.Errorf("a stranger changes %s: %v", name, err)
		}
	}
	if _, body, err := h.cases.OpenEvidence(ctx, by, mine.ID); err != nil {
		t.Error(err)
	} else {
		_, _ = io.Copy(io.Discard, body)
		h.must(body.Close())
	}
}

func (h *house) tracks(id string) []notice.Track {
	h.t.Helper()
	ts, _, _, err := h.db.TracksOf(h.t.Context(), id)
	h.must(err)
	return ts
}

func (h *house) entries(id string) []incident.Entry {
	h.t.Helper()
	es, err := h.db.Entries(h.t.Context(), id)
	h.must(err)
	return es
}

func TestOutsiderAddsSoMuch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i, _ := h.outside(nil)
	by := access.Outside(i.ID)
	for n := range incident.MaxOutsideFiles {
		_, err := h.cases.AddEvidence(t.Context(), by, i.ID, incident.Upload{Name: fmt.Sprint(n), Body: strings.NewReader("x")})
		h.must(err)
	}
	if _, err := h.cases.AddEvidence(t.Context(), by, i.ID, incident.Upload{Name: "more", Body: strings.NewReader("x")}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one file too many: %v", err)
	}
	for range incident.MaxOutsideWords {
		_, err := h.cases.AddFact(t.Context(), by, i.ID, incident.Addition{Text: "x"})
		h.must(err)
	}
	if _, err := h.cases.AddFact(t.Context(), by, i.ID, incident.Addition{Text: "x"}); !fault.Is(err, fault.TooMany) {
		t.Errorf("one addition too many: %v", err)
	}
}

func TestVisitsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ctx := t.Context()
	_, code := h.outside(nil)
	open := func() string {
		t.Helper()
		secret, err := h.cases.OpenCode(ctx, string(code), "192.0.2.1")
		h.must(err)
		return secret
	}
	lives := func(secret string) bool {
		_, err := h.cases.Visitor(ctx, secret)
		if err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Fatal(err)
		}
		return err == nil
	}
	idle, used, left := open(), open(), open()
	h.must(h.cases.Leave(ctx, left))
	h.must(h.cases.Leave(ctx, left))
	if !lives(idle) || lives(left) || lives("") || lives(strings.Repeat("x", 52)) || lives(strings.Repeat("x", 1000)) {
		t.Error("visits at first")
	}
	for range 3 {
		h.wait(50 * time.Minute)
		if !lives(used) {
			t.Fatal("a visit in use ended")
		}
	}
	if lives(idle) {
		t.Error("an hour passed and the page is still open")
	}
	for range 12 {
		h.wait(50 * time.Minute)
		lives(used)
	}
	if lives(used) {
		t.Error("a visit without end")
	}
}

// Wrong codes: the address waits, others do not, the right code does not help while it
// waits, and the record has one line of it.
func TestCodesCannotBeTried(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ctx := t.Context()
	_, code := h.outside(nil)
	wrong := func(from string) error {
		_, err := h.cases.OpenCode(ctx, "1111111111111117", from)
		return err
	}
	for n := range 10 {
		if err := wrong("192.0.2.1"); !fault.Is(err, fault.NotFound) {
			t.Fatalf("try %d: %v", n, err)
		}
		if _, err := h.cases.OpenCode(ctx, "1111111111111112", "192.0.2.1"); !fault.Is(err, fault.Invalid) { // costs nothing
			t.Fatalf("slip %d: %v", n, err)
		}
	}
	if err := wrong("192.0.2.1"); !fault.Is(err, fault.TooMany) {
		t.Errorf("the eleventh: %v", err)
	}
	if _, err := h.cases.OpenCode(ctx, string(code), "192.0.2.1"); !fault.Is(err, fault.TooMany) {
		t.Errorf("the right one while waiting: %v", err)
	}
	if _, err := h.cases.OpenCode(ctx, string(code), "192.0.2.2"); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	// From everywhere: who has the right code still needs one try.
	for n := range 300 {
		h.must(noFault(wrong(fmt.Sprintf("198.51.100.%d", n%150))))
	}
	for n := range 2 {
		if err := wrong("203.0.113.1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("try %d in the flood: %v", n, err)
		}
	}
	if err := wrong("203.0.113.1"); !fault.Is(err, fault.TooMany) {
		t.Errorf("the third in the flood: %v", err)
	}
	if _, err := h.cases.OpenCode(ctx, string(code), "203.0.113.2"); err != nil {
		t.Errorf("one honest person in the flood: %v", err)
	}
	h.wait(16 * time.Minute)
	if _, err := h.cases.OpenCode(ctx, string(code), "192.0.2.1"); err != nil {
		t.Errorf("later: %v", err)
	}
}

func noFault(err error) error {
	if fault.As(err) != nil {
		return nil
	}
	return err
}

func TestOutsiderIsMasked(t *testing.T) {
	t.Parallel()
	for in, want := range map[incident.Outsider]incident.Outsider{
		{}: {},
		{Name: "通行 一郎", Contact: "ichiro@outside.example"}: {Name: "通…", Contact: "i…@o…"},
		{Name: "林", Contact: "090-0000-1234"}:              {Name: "林", Contact: "…34"},
		{Name: "ab", Contact: "@x"}:                        {Name: "a…", Contact: "@…"},
		{Contact: "内線12"}:                                  {Contact: "内…"},
	} {
		if got := in.Masked(); got != want {
			t.Errorf("%+v: %+v, want %+v", in, got, want)
		}
	}
}

// Many report at once: every one has a number and a code of its own.
func TestOutsideReportsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var mu sync.Mutex
	labels, codes := map[string]bool{}, map[incident.Code]bool{}
	var wait sync.WaitGroup
	for range 60 {
		wait.Go(func() {
			i, code, err := h.cases.ReportOutside(context.WithoutCancel(t.Context()), access.Outside(""),
				incident.OutsideReport{Kind: incident.Lost, Summary: "x", Channel: "web"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			labels[i.Label], codes[code] = true, true
		})
	}
	wait.Wait()
	if len(labels) != 60 || len(codes) != 60 {
		t.Errorf("%d numbers, %d codes", len(labels), len(codes))
	}
}

// during is a file whose sender does something else while it is on its way.
type during struct {
	io.Reader
	once sync.Once
	do   func()
}

func (d *during) Read(p []byte) (int, error) {
	d.once.Do(d.do)
	return d.Reader.Read(p)
}

// Files that are sent at the same time are counted together.
func TestOutsiderSendsFilesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i, _ := h.outside(nil)
	by := access.Outside(i.ID)
	_, err := h.cases.AddEvidence(t.Context(), by, i.ID, incident.Upload{Name: "slow", Body: &during{Reader: strings.NewReader("x"), do: func() {
		for n := range incident.MaxOutsideFiles {
			_, err := h.cases.AddEvidence(t.Context(), by, i.ID, incident.Upload{Name: fmt.Sprint(n), Body: strings.NewReader("x")})
			h.must(err)
		}
	}}})
	if !fault.Is(err, fault.TooLarge) {
		t.Errorf("one file too many: %v", err)
	}
	kept, err := h.db.EvidenceOf(t.Context(), i.ID)
	h.must(err)
	if len(kept) != incident.MaxOutsideFiles {
		t.Errorf("%d files kept", len(kept))
	}
}

// Work is good for one report; a double press of the same report costs no second, and a
// report that is refused costs none.
func TestWorkIsGoodForOneReport(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	r := incident.OutsideReport{Kind: incident.Lost, Summary: "鞄", Channel: "web", Key: "form-1-of-the-stranger", Work: incident.Once{Hash: [32]byte{1}, Until: h.clock().Add(time.Hour)}}
	send := func() (*incident.Incident, error) {
		i, _, err := h.cases.ReportOutside(t.Context(), access.Outside(""), r)
		return i, err
	}
	r.Summary = ""
	if _, err := send(); err == nil {
		t.Fatal("an empty report is taken")
	}
	r.Summary = "鞄"
	first, err := send()
	h.must(err)
	again, err := send()
	h.must(err)
	if again.ID != first.ID {
		t.Error("a double press is a second report")
	}
	r.Key = "form-2-of-the-stranger"
	_, err = send()
	if f := fault.As(err); f == nil || f.ID != "fault.outside_busy" {
		t.Errorf("the same work again: %v", err)
	}
	r.Work.Hash[0] = 2
	_, err = send()
	h.must(err)
}

// When a call sheet was filled that had to wait is said by who took the call, and by nobody
// who comes from outside.
func TestWhenAKeptCallWasWritten(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	written := incident.Moment{At: h.clock().Add(-2 * time.Hour), Known: true}
	r := incident.OutsideReport{Kind: incident.Lost, Summary: "鞄", Channel: incident.ByPhone, Written: written}
	i, _, err := h.cases.ReportOutside(t.Context(), h.as("per_it"), r)
	h.must(err)
	if !i.Written.Known || !i.Written.At.Equal(written.At) {
		t.Errorf("written %+v", i.Written)
	}
	if i, _ = h.outside(func(o *incident.OutsideReport) { o.Written = written }); i.Written.Known {
		t.Errorf("a stranger says %+v", i.Written)
	}
}
