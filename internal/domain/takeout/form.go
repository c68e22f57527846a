package takeout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
)

// MaxTime is how long one approval may last.
const MaxTime = 92 * 24 * time.Hour

// Bounds of a form.
const (
	maxItems = 50
	maxCount = 1_000_000 // files or copies of one item
)

// Thing is what the ledger says of something that is taken out.
type Thing struct {
	Asset, Number, Kind, Model string
	Gone                       bool // lost or disposed of
}

// Kind is the application: the head of the department decides, then the protection
// manager. Whoever decides is told in one line what a loss would mean.
func (s *Service) Kind() request.Kind {
	return request.Kind{Name: KindTakeOut, Check: s.check, Note: s.note, Chain: request.Chain{Kind: KindTakeOut,
		Steps:  []request.Rule{{Role: request.Head, Need: request.One}, {Role: request.Manager, Need: request.One}},
		Remind: 24 * time.Hour, Climb: 48 * time.Hour, Life: 14 * 24 * time.Hour}}
}

// read reads a form. What is no JSON of that form is a fault.
func read(raw json.RawMessage, into *Form) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.New(fault.Invalid, "fault.bad_json", nil)
	}
	return nil
}

// note is what a loss would mean, for the letter to whoever decides.
func (s *Service) note(raw json.RawMessage, now time.Time) (string, map[string]string) {
	var f Form
	if json.Unmarshal(raw, &f) != nil {
		return "", nil
	}
	j := s.Judge(f, now)
	return j.Text(), map[string]string{"people": strconv.Itoa(j.People)}
}

// Judge says what a loss of what a form names would mean now.
func (s *Service) Judge(f Form, now time.Time) Judgement {
	return s.p.Law.Judge(f.Facts(), s.p.Calendar.DateOf(now))
}

func (s *Service) check(ctx context.Context, by access.Actor, raw json.RawMessage, now time.Time) (request.Content, error) {
	var f Form
	if err := read(raw, &f); err != nil {
		return request.Content{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return request.Content{}, err
	}
	var c fault.Check
	f.Purpose, f.To = sentence(&c, "purpose", f.Purpose, maxText), sentence(&c, "where", f.To, maxLine)
	c.That(slices.Contains(Ways(), f.Way), "way", "fault.unknown_choice", nil)
	f.From, f.Until = f.From.UTC().Truncate(time.Second), f.Until.UTC().Truncate(time.Second)
	p, works := o.People[by.Person]
	checkPeriod(&c, f.From, f.Until, now, works && p.Active(f.Until))
	if err := s.checkManifest(ctx, by, &c, &f); err != nil {
		return request.Content{}, err
	}
	checkData(&c, &f)
	if err := s.checkItems(ctx, by, &c, &f); err != nil {
		return request.Content{}, err
	}
	if err := c.Err(); err != nil {
		return request.Content{}, err
	}
	plain, err := json.Marshal(f)
	if err != nil {
		return request.Content{}, fmt.Errorf("marshal form: %w", err)
	}
	return request.Content{Form: plain, Title: f.To + " " + f.Purpose, Expires: f.Until}, nil
}

func checkPeriod(c *fault.Check, from, until, now time.Time, works bool) {
	c.That(!from.IsZero(), "from", "fault.required", nil)
	c.That(!until.IsZero(), "until", "fault.required", nil)
	if from.IsZero() || until.IsZero() {
		return
	}
	// A form that was opened a while ago may say "from now".
	c.That(!from.Before(now.Add(-24*time.Hour)), "from", "fault.in_past", nil)
	c.That(until.After(from), "until", "fault.ends_before_start", nil)
	c.That(until.After(now), "until", "fault.in_past", nil)
	c.That(until.Sub(from) <= MaxTime, "until", "fault.takeout_too_long", fault.Args{"days": "92"})
	c.That(from.Before(now.Add(MaxTime)), "from", "fault.takeout_too_long", fault.Args{"days": "92"})
	c.That(works, "until", "fault.takeout_leaves", nil)
}

// checkManifest makes what the manifest holds part of the form.
func (s *Service) checkManifest(ctx context.Context, by access.Actor, c *fault.Check, f *Form) error {
	f.Items = slices.DeleteFunc(f.Items, func(i Item) bool { return i.Kind == Listed })
	f.SHA256, f.Most = "", 0
	if f.Manifest == "" {
		return nil
	}
	m, err := s.p.Store.Manifest(ctx, f.Manifest)
	if fault.Is(err, fault.NotFound) || err == nil && m.Person != by.Person {
		c.Add("manifest", "fault.takeout_manifest", nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("load manifest: %w", err)
	}
	f.SHA256, f.Most = m.SHA256, m.Most()
	f.Items = append([]Item{{Kind: Listed, Count: len(m.Lines), Bytes: m.Bytes()}}, f.Items...)
	if found := m.Kinds(); len(found) > 0 {
		f.Kinds = append(slices.DeleteFunc(f.Kinds, func(k string) bool { return k == NoPersonal }), found...)
	}
	return nil
}

// checkData holds what is said of personal data together.
func checkData(c *fault.Check, f *Form) {
	for _, k := range f.Kinds {
		c.That(slices.Contains(Kinds(), k), "kinds", "fault.unknown_choice", nil)
	}
	f.Kinds = chosen(Kinds(), f.Kinds)
	c.That(len(f.Kinds) > 0, "kinds", "fault.required", nil)
	if slices.Contains(f.Kinds, NoPersonal) {
		c.That(len(f.Kinds) == 1, "kinds", "fault.takeout_none", nil)
		f.Owners, f.People, f.Certainty = nil, 0, Known
		return
	}
	for _, w := range f.Owners {
		c.That(slices.Contains(Owners(), w), "owners", "fault.unknown_choice", nil)
	}
	f.Owners = chosen(Owners(), f.Owners)
	c.That(len(f.Owners) > 0, "owners", "fault.required", nil)
	c.That(slices.Contains(Certainties(), f.Certainty), "certainty", "fault.unknown_choice", nil)
	if f.Certainty == Unknown {
		f.People = 0
		return
	}
	c.That(f.People > 0 && f.People <= maxPeople, "headcount", "fault.takeout_people", nil)
}

// checkItems finds the things of the ledger and holds the others to the bounds.
func (s *Service) checkItems(ctx context.Context, by access.Actor, c *fault.Check, f *Form) error {
	c.That(len(f.Items) > 0, "items", "fault.takeout_nothing", nil)
	c.That(len(f.Items) <= maxItems, "items", "fault.too_many_items", fault.Args{"max": fmt.Sprint(maxItems)})
	if len(f.Items) > maxItems {
		return nil
	}
	seen := map[string]bool{}
	for n := range f.Items {
		i := &f.Items[n]
		field := fmt.Sprintf("items.%d", n)
		switch i.Kind {
		case Listed:
		case Files, Paper:
			*i = Item{Kind: i.Kind, Name: sentence(c, field, i.Name, maxLine), Count: i.Count}
			c.That(i.Count >= 1 && i.Count <= maxCount, field, "fault.takeout_count", nil)
		case OfLedger:
			t, ok, err := s.p.Things(ctx, by, i.Number)
			if err != nil {
				return fmt.Errorf("find %q in the ledger: %w", i.Number, err)
			}
			number := fault.Args{"number": prose.Clip(prose.Line(i.Number), maxLine)}
			c.That(ok, field, "fault.takeout_no_thing", number)
			c.That(!ok || !t.Gone, field, "fault.takeout_gone", number)
			c.That(!ok || !seen[t.Asset], field, "fault.takeout_twice", number)
			seen[t.Asset] = true
			*i = Item{Kind: OfLedger, Name: t.Model, Count: 1, Number: t.Number, Asset: t.Asset, Thing: t.Kind}
		default:
			c.Add(field, "fault.unknown_choice", nil)
		}
	}
	return nil
}

// ReadItems reads items as people type them, one a line, into a form: files and paper as
// "name × count" or "name, count"; things as their numbers.
func ReadItems(kind ItemKind, text string) []Item {
	var out []Item
	for l := range strings.Lines(text) {
		l = prose.Line(l)
		if l == "" {
			continue
		}
		if kind == OfLedger {
			for _, number := range strings.FieldsFunc(l, func(r rune) bool { return strings.ContainsRune(" ,、，;", r) }) {
				out = append(out, Item{Kind: kind, Number: number, Count: 1})
			}
			continue
		}
		i := Item{Kind: kind, Name: l, Count: 1}
		if at := strings.LastIndexAny(l, "×xX*,、，\t"); at > 0 {
			_, size := utf8.DecodeRuneInString(l[at:])
			number := strings.TrimRight(strings.TrimSpace(l[at+size:]), "部件個冊枚つ")
			if n, err := strconv.Atoi(strings.TrimSpace(number)); err == nil && n > 0 {
				i.Name, i.Count = strings.TrimSpace(l[:at]), n
			}
		}
		out = append(out, i)
	}
	return out
}
