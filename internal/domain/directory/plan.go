package directory

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/sheet"
)

// draft is a plan in the making, with the rows that it would save.
type draft struct {
	plan        Plan
	people      []Person
	departments []Department

	now     time.Time
	c       *content
	org     *Org              // as it is
	next    *Org              // as it would be
	numbers map[string]string // employee number → person id, those of the file too
	codes   map[string]string // department code → department id, likewise
	lines   []planLine
}

// planLine is one line with what it concerns and what it would change.
type planLine struct {
	record
	id     string
	isNew  bool
	fields []FieldChange
}

func (l *planLine) changed(column string) bool {
	return slices.ContainsFunc(l.fields, func(f FieldChange) bool { return f.Column == column })
}

func newDraft(o *Org, c *content, now time.Time) *draft {
	d := &draft{now: now, c: c, org: o, numbers: map[string]string{}, codes: map[string]string{}}
	d.plan = Plan{Kind: c.kind, Encoding: c.encoding, Version: o.Version, Hash: c.hash, Lines: len(c.records), Problems: slices.Clone(c.problems)}
	d.next = &Org{People: maps.Clone(o.People), Departments: maps.Clone(o.Departments), Duties: o.Duties}
	for pid, p := range o.People {
		d.numbers[p.Number] = pid
	}
	for did, dep := range o.Departments {
		d.codes[dep.Code] = did
	}
	if c.kind == DepartmentFile {
		d.keys("code", "dpt", d.codes)
		d.planDepartments()
	} else {
		d.keys("number", "per", d.numbers)
		d.planPeople()
	}
	slices.SortStableFunc(d.plan.Problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return d
}

func (d *draft) problem(line int, column, id string, args fault.Args) {
	d.plan.Problems = append(d.plan.Problems, Problem{Line: line, Column: column, ID: id, Args: args})
}

// keys finds whom each line concerns. Lines without a usable key go no further.
func (d *draft) keys(column, prefix string, known map[string]string) {
	if !d.c.has(column) {
		return
	}
	bare := map[string]string{} // a key without the zeros that a spreadsheet drops → the key
	for k := range known {
		if _, err := strconv.ParseUint(k, 10, 64); err == nil {
			bare[strings.TrimLeft(k, "0")] = k
		}
	}
	seen := map[string]int{}
	for _, rec := range d.c.records {
		key := rec.cells[column]
		owner, exists := known[key]
		first, twice := seen[key]
		whole, cut := bare[key]
		switch {
		case key == "":
			d.problem(rec.line, column, "fault.required", nil)
		case strings.ContainsRune(key, sheet.Lost):
			d.problem(rec.line, column, "fault.csv_lost_char", nil)
		case twice:
			d.problem(rec.line, column, "fault.csv_twice", fault.Args{"value": key, "line": strconv.Itoa(first)})
		case !exists && cut:
			d.problem(rec.line, column, "fault.csv_zeros", fault.Args{"value": key, "known": whole})
		default:
			seen[key] = rec.line
			if !exists {
				owner = id.New(prefix, d.now)
				known[key] = owner
			}
			d.lines = append(d.lines, planLine{record: rec, id: owner, isNew: !exists})
		}
	}
}

// compare notes each field of the line that differs from what is stored.
func (d *draft) compare(l *planLine, old map[string]string) {
	for _, col := range d.c.columns {
		was, is := old[col.name], l.cells[col.name]
		if is != was {
			is = d.kept(col, was, is)
		}
		switch {
		case is == "" && was == "" && l.isNew && col.required, is == "" && was != "" && col.required:
			d.problem(l.line, col.name, "fault.required", nil)
		case is == was, is == "" && col.name == "lang":
		case strings.ContainsRune(is, sheet.Lost):
			d.problem(l.line, col.name, "fault.csv_lost_char", nil)
		default:
			l.fields = append(l.fields, FieldChange{Column: col.name, Old: was, New: is})
		}
	}
}

// kept gives the stored value when the cell is only what an encoding made of it: a
// trip through Shift_JIS must not cost anybody a character of their name.
func (d *draft) kept(col column, was, is string) string {
	if d.c.encoding == sheet.CP932 || strings.ContainsRune(is, sheet.Lost) {
		if back, id := col.norm(sheet.InCP932(was)); id == "" && back == is {
			return was
		}
	}
	return is
}

// enter adds the line to the plan and reports whether it changes anything.
func (d *draft) enter(l *planLine, key, name string, leaves bool) bool {
	e := Entry{Line: l.line, Key: key, Name: name, Fields: l.fields}
	switch {
	case l.isNew:
		d.plan.Adds = append(d.plan.Adds, e)
	case len(l.fields) == 0:
		d.plan.Unchanged++
		return false
	case leaves:
		d.plan.Leaves = append(d.plan.Leaves, e)
	default:
		d.plan.Changes = append(d.plan.Changes, e)
	}
	return true
}

func (d *draft) planPeople() {
	for i := range d.lines {
		l := &d.lines[i]
		old, exists := d.org.People[l.id]
		cells := map[string]string{}
		p := Person{ID: l.id, Lang: "ja"}
		if exists {
			cells, p = d.org.personCells(old), old
		}
		d.compare(l, cells)
		for _, f := range l.fields {
			d.setPerson(l, &p, f)
		}
		d.next.People[l.id] = p
	}
	save, order := map[string]Person{}, []string{}
	loops := looped(d.ids(), d.next.Supervisor)
	d.checkMails()
	for i := range d.lines {
		l := &d.lines[i]
		p := d.next.People[l.id]
		d.checkSupervisor(l, p, loops)
		d.checkLeaving(l, p)
		if d.enter(l, p.Number, p.Name(), l.changed("left") && !p.Left.IsZero()) {
			save[l.id], order = p, append(order, l.id)
		}
	}
	d.people = leadersFirst(order, save, func(p Person) string { return p.Supervisor })
}

// setPerson puts one changed field into the person.
func (d *draft) setPerson(l *planLine, p *Person, f FieldChange) {
	switch f.Column {
	case "number":
		p.Number = f.New
	case "family":
		p.Family = f.New
	case "given":
		p.Given = f.New
	case "family_kana":
		p.FamilyKana = f.New
	case "given_kana":
		p.GivenKana = f.New
	case "email":
		p.Email, p.Verified = f.New, time.Time{}
		if f.New != "" {
			p.Verified = d.now
		}
	case "phone":
		p.Phone = f.New
	case "department":
		p.Department = d.lookUp(l, f, d.codes, "fault.unknown_department")
	case "title":
		p.Title = f.New
	case "supervisor":
		p.Supervisor = d.lookUp(l, f, d.numbers, "fault.unknown_number")
	case "lang":
		p.Lang = f.New
	case "left":
		p.Left, _ = leftAfter(f.New) // a date that cannot be read is a problem already
	}
}

func (d *draft) lookUp(l *planLine, f FieldChange, known map[string]string, unknown string) string {
	found, ok := known[f.New]
	if !ok && f.New != "" {
		d.problem(l.line, f.Column, unknown, fault.Args{"value": f.New})
	}
	return found
}

// checkMails refuses an address that two people would have who both work here: a
// notice must reach one person. An address may pass on when its owner has left.
func (d *draft) checkMails() {
	holders := map[string][]Person{} // by address, lowest number first
	for _, p := range d.next.People {
		if p.Email != "" && p.Active(d.now) {
			holders[p.Email] = append(holders[p.Email], p)
		}
	}
	for _, ps := range holders {
		slices.SortFunc(ps, func(a, b Person) int { return cmp.Compare(a.Number, b.Number) })
	}
	for i := range d.lines {
		l := &d.lines[i]
		p := d.next.People[l.id]
		ps := holders[p.Email]
		if len(ps) < 2 || !p.Active(d.now) || !l.isNew && !l.changed("email") && !l.changed("left") {
			continue
		}
		other := ps[0]
		if other.ID == p.ID {
			other = ps[1]
		}
		d.problem(l.line, "email", "fault.csv_mail_taken", fault.Args{"value": p.Email, "number": other.Number})
	}
}

// checkSupervisor refuses a new supervisor who is oneself, has left, or reports to the
// person: nobody would be above any of them.
func (d *draft) checkSupervisor(l *planLine, p Person, loops map[string]bool) {
	if !l.changed("supervisor") || p.Supervisor == "" {
		return
	}
	boss := d.next.People[p.Supervisor]
	args := fault.Args{"value": boss.Number, "name": boss.Name()}
	switch {
	case p.Supervisor == p.ID:
		d.problem(l.line, "supervisor", "fault.own_supervisor", nil)
	case !boss.Active(d.now):
		d.problem(l.line, "supervisor", "fault.person_left", args)
	case loops[p.ID]:
		d.problem(l.line, "supervisor", "fault.supervisor_loop", args)
	}
}

// looped finds who is above themself, following up from each of the ids. It visits
// everybody once, however long the chains of a made-up file are.
func looped(ids []string, up func(string) string) map[string]bool {
	loops, done := map[string]bool{}, map[string]bool{}
	for _, start := range ids {
		path, place := []string{}, map[string]int{}
		at := start
		for at != "" && !done[at] {
			if from, met := place[at]; met {
				for _, on := range path[from:] {
					loops[on] = true
				}
				break
			}
			place[at] = len(path)
			path = append(path, at)
			at = up(at)
		}
		for _, on := range path {
			done[on] = true
		}
	}
	return loops
}

func (d *draft) ids() []string {
	out := make([]string, len(d.lines))
	for i, l := range d.lines {
		out[i] = l.id
	}
	return out
}

// checkLeaving refuses that the last protection manager goes: nobody would be told.
func (d *draft) checkLeaving(l *planLine, p Person) {
	if !l.changed("left") || p.Left.IsZero() {
		return
	}
	gone := p.Left
	if gone.Before(d.now) {
		gone = d.now
	}
	holds := func(a Assignment) bool {
		return a.Duty == access.ProtectionManager && a.Person == l.id && (a.Until.IsZero() || a.Until.After(gone))
	}
	if slices.ContainsFunc(d.org.Duties, holds) && len(d.next.Holders(access.ProtectionManager, gone)) == 0 {
		d.problem(l.line, "left", "fault.last_manager", fault.Args{"name": p.Name()})
	}
}

func (d *draft) planDepartments() {
	for i := range d.lines {
		l := &d.lines[i]
		old, exists := d.org.Departments[l.id]
		cells := map[string]string{}
		dep := Department{ID: l.id}
		if exists {
			cells, dep = d.org.departmentCells(old), old
		}
		d.compare(l, cells)
		for _, f := range l.fields {
			switch f.Column {
			case "code":
				dep.Code = f.New
			case "name":
				dep.Name = f.New
			case "parent":
				dep.Parent = d.lookUp(l, f, d.codes, "fault.unknown_department")
			case "head":
				dep.Head = d.lookUp(l, f, d.numbers, "fault.unknown_number")
			}
		}
		d.next.Departments[l.id] = dep
	}
	save, order := map[string]Department{}, []string{}
	loops := looped(d.ids(), func(dep string) string { return d.next.Departments[dep].Parent })
	for i := range d.lines {
		l := &d.lines[i]
		dep := d.next.Departments[l.id]
		d.checkDepartment(l, dep, loops)
		if d.enter(l, dep.Code, dep.Name, false) {
			save[l.id], order = dep, append(order, l.id)
		}
	}
	d.departments = leadersFirst(order, save, func(dep Department) string { return dep.Parent })
}

// checkDepartment refuses a tree that bites its tail, and a new head who has left.
func (d *draft) checkDepartment(l *planLine, dep Department, loops map[string]bool) {
	if head := d.next.People[dep.Head]; l.changed("head") && head.ID != "" && !head.Active(d.now) {
		d.problem(l.line, "head", "fault.person_left", fault.Args{"value": head.Number, "name": head.Name()})
	}
	if l.changed("parent") && loops[dep.ID] {
		d.problem(l.line, "parent", "fault.department_loop", fault.Args{"value": d.next.Departments[dep.Parent].Code})
	}
}
