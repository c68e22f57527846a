package asset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

// Plan is what an import would do. A thing that the file does not name stays as it is; so
// does a field whose column the file does not have. An empty cell empties the field.
type Plan struct {
	Encoding  sheet.Encoding
	Version   string // of the things that the file names and of the directory
	Hash      string // SHA-256, hexadecimal, of what the file says
	Lines     int    // without the header
	Adds      []Entry
	Changes   []Entry
	Unchanged int
	Problems  []Problem // in the order of the lines; with any, nothing can be applied
}

// Entry is one line that would add or change something.
type Entry struct {
	Line   int
	Number string
	Fields []FieldChange
}

// Problem is one thing to mend in the file. Column is a wire name as in FieldChange, empty
// when it concerns the whole line; ID and Args are a message.
type Problem struct {
	Line   int
	Column string
	ID     string
	Args   fault.Args
}

// PreviewImport says what a file would change in the ledger, and everything that is wrong
// with it. Nothing is stored.
func (s *Service) PreviewImport(ctx context.Context, by access.Actor, file io.Reader) (Plan, error) {
	if err := by.May(access.ManageAssets); err != nil {
		return Plan{}, err
	}
	c, err := readFile(file)
	if err != nil {
		return Plan{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return Plan{}, err
	}
	known, err := s.p.Store.AssetsByNumber(ctx, c.numbers())
	if err != nil {
		return Plan{}, fmt.Errorf("load what the file names: %w", err)
	}
	return newDraft(o, c, known, s.now()).plan, nil
}

// ApplyImport does what a preview showed, all of it or nothing. version and hash are those
// of the plan that was seen; when the file, the things or the directory are others by now,
// the answer is fault.import_stale and the plan as it would be now.
func (s *Service) ApplyImport(ctx context.Context, by access.Actor, file io.Reader, version, hash string) (Plan, error) {
	if err := by.May(access.ManageAssets); err != nil {
		return Plan{}, err
	}
	var check fault.Check
	check.That(hash != "", "hash", "fault.import_preview_first", nil)
	if err := check.Err(); err != nil {
		return Plan{}, err
	}
	c, err := readFile(file)
	if err != nil {
		return Plan{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return Plan{}, err
	}
	var plan Plan
	err = s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		known, err := tx.AssetsNumbered(ctx, c.numbers())
		if err != nil {
			return fmt.Errorf("load what the file names: %w", err)
		}
		d := newDraft(o, c, known, s.now())
		plan = d.plan
		switch {
		case plan.Hash != hash || plan.Version != version:
			return fault.Clash("fault.import_stale", nil)
		case len(plan.Problems) > 0:
			return fault.New(fault.Invalid, "fault.import_problems", fault.Args{"n": strconv.Itoa(len(plan.Problems))})
		}
		return s.apply(ctx, tx, by, d)
	})
	return plan, err
}

// numbers are the keys of the file's lines, each once.
func (c *content) numbers() []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range c.records {
		if n := r.cells["number"]; n != "" && !r.bad["number"] && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// draft is a plan in the making, with the rows that it would save.
type draft struct {
	plan    Plan
	adds    []*Asset
	changes []change

	c           *content
	org         *directory.Org
	now         time.Time
	known       map[string]*Asset
	departments map[string]string // code → id
	people      map[string]string // employee number → id
}

// change is one thing with what it was and what changes.
type change struct {
	a      *Asset
	was    Identity
	fields []FieldChange
}

func newDraft(o *directory.Org, c *content, known []*Asset, now time.Time) *draft {
	d := &draft{c: c, org: o, now: now, known: map[string]*Asset{}, departments: map[string]string{}, people: map[string]string{}}
	for _, a := range known {
		d.known[a.Number] = a
	}
	for id, dep := range o.Departments {
		d.departments[dep.Code] = id
	}
	for id, p := range o.People {
		d.people[p.Number] = id
	}
	d.plan = Plan{Encoding: c.encoding, Version: version(o, known), Hash: c.hash, Lines: len(c.records), Problems: slices.Clone(c.problems)}
	seen := map[string]int{}
	for _, rec := range c.records {
		n := rec.cells["number"]
		first, twice := seen[n]
		switch {
		case n == "":
			d.problem(rec.line, "number", "fault.required", nil)
		case rec.bad["number"]:
		case twice:
			d.problem(rec.line, "number", "fault.csv_twice", fault.Args{"value": n, "line": strconv.Itoa(first)})
		default:
			seen[n] = rec.line
			d.line(rec, n)
		}
	}
	slices.SortStableFunc(d.plan.Problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return d
}

// version is a hash of what a plan was made against.
func version(o *directory.Org, known []*Asset) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", o.Version)
	for _, a := range slices.SortedFunc(slices.Values(known), func(a, b *Asset) int { return cmp.Compare(a.Number, b.Number) }) {
		fmt.Fprintf(h, "%s %d\n", a.Number, a.Version)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (d *draft) problem(line int, column, id string, args fault.Args) {
	d.plan.Problems = append(d.plan.Problems, Problem{Line: line, Column: column, ID: id, Args: args})
}

// line plans one line.
func (d *draft) line(rec csvLine, number string) {
	old, exists := d.known[number]
	in := Asset{Number: number}
	if exists {
		in = *old
	}
	before := len(d.plan.Problems)
	for _, col := range columns() {
		v, has := rec.cells[col.name]
		switch {
		case !has && !exists && col.required:
			d.problem(rec.line, col.name, "fault.csv_missing_column", fault.Args{"column": col.title})
		case has && !rec.bad[col.name] && v == "" && col.required:
			d.problem(rec.line, col.name, "fault.required", nil)
		case has && !rec.bad[col.name]:
			d.set(rec, &in, old, col.name, v)
		}
	}
	if len(rec.bad) > 0 || len(d.plan.Problems) > before {
		return
	}
	var c fault.Check
	in = accept(&c, d.org, in, old, d.now)
	if f := fault.As(c.Err()); f != nil {
		for _, x := range f.Fields {
			d.problem(rec.line, x.Name, x.ID, x.Args)
		}
		return
	}
	if !exists {
		d.adds = append(d.adds, &in)
		d.plan.Adds = append(d.plan.Adds, Entry{Line: rec.line, Number: number, Fields: d.shown(compare(&Asset{}, &in))})
		return
	}
	a := *old
	fs := edit(&a, in)
	if len(fs) == 0 {
		d.plan.Unchanged++
		return
	}
	if old.State == Disposed {
		d.problem(rec.line, "", "fault.asset_state.disposed", fault.Args{"number": number})
		return
	}
	d.changes = append(d.changes, change{&a, old.Identity, fs})
	d.plan.Changes = append(d.plan.Changes, Entry{Line: rec.line, Number: number, Fields: d.shown(fs)})
}

// set puts one cell into the thing.
func (d *draft) set(rec csvLine, in, old *Asset, column, v string) {
	// What an encoding made of a text must not cost anybody a character.
	kept := func(was string) string {
		gone := strings.ContainsRune(v, sheet.Lost)
		switch {
		case (gone || d.c.encoding == sheet.CP932) && sheet.InCP932(was) == v:
			return was
		case gone:
			d.problem(rec.line, column, "fault.csv_lost_char", nil)
		}
		return v
	}
	switch column {
	case "kind":
		in.Kind = Kind(v)
		if old != nil && old.Loan != "" && in.Kind != old.Kind {
			d.problem(rec.line, column, "fault.asset_lent", nil)
		}
	case "model":
		in.Model = kept(in.Model)
	case "capacity":
		in.Capacity, _ = strconv.ParseInt(v, 10, 64) // capacityCell has made it
	case "encryption":
		in.Encryption = Encryption(v)
	case "vendor":
		in.Identity.Vendor = v
	case "product":
		in.Identity.Product = v
	case "serial":
		in.Identity.Serial = v
	case "place":
		in.Place = kept(in.Place)
	case "note":
		in.Note = kept(in.Note)
	case "department":
		id, ok := d.departments[v]
		if !ok {
			d.problem(rec.line, column, "fault.unknown_department", fault.Args{"value": v})
		}
		in.Department = id
	case "keeper":
		id, ok := d.people[v]
		p := d.org.People[id]
		switch {
		case !ok:
			d.problem(rec.line, column, "fault.unknown_number", fault.Args{"value": v})
		case !p.Active(d.now) && (old == nil || old.Keeper != id):
			d.problem(rec.line, column, "fault.person_left", fault.Args{"value": v, "name": p.Name()})
		}
		in.Keeper = id
	case "state":
		is := InStore
		if old != nil {
			is = old.At(d.now)
		}
		if v != "" && State(v) != is {
			d.problem(rec.line, column, "fault.asset_state_column", nil)
		}
	}
}

// shown turns ids into what people know: codes, numbers and sizes.
func (d *draft) shown(fs []FieldChange) []FieldChange {
	out := slices.Clone(fs)
	for i, f := range out {
		word := func(v string) string { return v }
		switch f.Column {
		case "department":
			word = func(v string) string { return d.org.Departments[v].Code }
		case "keeper":
			word = func(v string) string { return d.org.People[v].Number }
		case "capacity":
			word = func(v string) string { n, _ := strconv.ParseInt(v, 10, 64); return capacityText(n) } // fields has made it
		}
		out[i].Old, out[i].New = word(f.Old), word(f.New)
	}
	return out
}

// apply writes a draft without problems.
func (s *Service) apply(ctx context.Context, tx Tx, by access.Actor, d *draft) error {
	if len(d.adds) == 0 && len(d.changes) == 0 {
		return nil // nothing happened, so there is nothing to record
	}
	for _, a := range d.adds {
		if err := s.insert(ctx, tx, by, a, d.now, d.plan.Hash); err != nil {
			return err
		}
	}
	for _, c := range d.changes {
		// An earlier line may have made it a twin.
		if fresh, err := tx.LockAsset(ctx, c.a.ID); err != nil {
			return fmt.Errorf("lock %s: %w", c.a.Number, err)
		} else {
			c.a.SerialTwin = fresh.SerialTwin
		}
		c.a.Changed, c.a.Version = d.now, c.a.Version+1
		if err := s.meetTwins(ctx, tx, c.a, c.was); err != nil {
			return err
		}
		if err := tx.SaveAsset(ctx, c.a); err != nil {
			return fmt.Errorf("save %s: %w", c.a.Number, err)
		}
		if err := record(ctx, tx, d.now, "asset.changed", c.a.ID, by.Person, changed{Fields: c.fields, Import: d.plan.Hash}); err != nil {
			return err
		}
	}
	return record(ctx, tx, d.now, "asset.imported", "", by.Person, map[string]any{"sha256": d.plan.Hash, "adds": len(d.plan.Adds),
		"changes": len(d.plan.Changes), "unchanged": d.plan.Unchanged})
}

// Export gives the whole ledger as a file that PreviewImport reads back as unchanged. A
// failure on the way is in err, which is to be read after the rows.
func (s *Service) Export(ctx context.Context, by access.Actor) (header []string, rows iter.Seq[[]string], failed func() error, err error) {
	if err := by.May(access.ReadAssets); err != nil {
		return nil, nil, nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, c := range columns() {
		header = append(header, c.title)
	}
	now := s.now()
	var broken error
	return header, func(yield func([]string) bool) {
		after := ""
		for {
			as, err := s.p.Store.EachAsset(ctx, after, 1000)
			if err != nil {
				broken = fmt.Errorf("read the ledger: %w", err)
				return
			}
			if len(as) == 0 {
				return
			}
			after = as[len(as)-1].Number
			for _, a := range as {
				if !yield(cells(o, a, now)) {
					return
				}
			}
		}
	}, func() error { return broken }, nil
}

// cells is a thing as a line of the file.
func cells(o *directory.Org, a Asset, now time.Time) []string {
	return []string{a.Number, word(kindNames(), string(a.Kind)), a.Model, capacityText(a.Capacity), word(encryptionNames(), string(a.Encryption)),
		a.Identity.Vendor, a.Identity.Product, a.Identity.Serial, o.Departments[a.Department].Code, o.People[a.Keeper].Number, a.Place, a.Note,
		word(stateNames(), string(a.At(now)))}
}

// word is how a file writes one of our words.
func word(names [][]string, of string) string {
	for _, group := range names {
		if group[0] == of && len(group) > 1 {
			return group[1]
		}
	}
	return of
}
