package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

var _ incident.Store = (*DB)(nil)

// UpdateIncidents runs one change of cases.
func (db *DB) UpdateIncidents(ctx context.Context, f func(incident.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

// A report that is no drill names the columns up to the drill's: every value costs it time.
const freshIncidentColumns = `id, label, year, number, kind, urgency, summary, reporter, on_behalf, department, channel, left_out,
	occurred_at, discovered_at, reported_at, status, assignee, step_list, close_by, close_why, closed_by, closed_at, demo, erased_at, idem_key,
	outside, outside_name, outside_contact, written_at, guessed`

// A drill names its own too, and so do a call and a near miss. No report is merged when it is new.
const (
	drillColumns    = freshIncidentColumns + ", drill, began_at, nearly"
	incidentColumns = drillColumns + ", merged_into, merged_was"
)

// Where two of the columns stand.
const (
	incidentReporter = 7
	incidentKey      = 24
)

func moment(m incident.Moment) int64 {
	if !m.Known {
		return 0
	}
	return micros(m.At)
}

func incidentValues(i *incident.Incident) []any {
	var who incident.Outsider
	if i.Outside != nil {
		who = *i.Outside
	}
	return []any{i.ID, i.Label, i.Year, i.Number, string(i.Kind), string(i.Urgency), i.Summary, i.Reporter, i.OnBehalf, i.Department,
		i.Channel, list(i.LeftOut), moment(i.Occurred), moment(i.Discovered), micros(i.Reported), string(i.Status), i.Assignee, i.StepList,
		i.CloseBy, i.CloseWhy, i.ClosedBy, micros(i.ClosedAt), i.Demo, micros(i.ErasedAt), i.Key,
		i.Outside != nil, who.Name, who.Contact, moment(i.Written), i.Guessed}
}

func scanIncident(r scanner) (*incident.Incident, error) {
	i := &incident.Incident{}
	var leftOut string
	var outside bool
	var who incident.Outsider
	var occurred, discovered, reported, closed, erased, written, began int64
	err := r.Scan(&i.ID, &i.Label, &i.Year, &i.Number, (*string)(&i.Kind), (*string)(&i.Urgency), &i.Summary, &i.Reporter, &i.OnBehalf, &i.Department,
		&i.Channel, &leftOut, &occurred, &discovered, &reported, (*string)(&i.Status), &i.Assignee, &i.StepList,
		&i.CloseBy, &i.CloseWhy, &i.ClosedBy, &closed, &i.Demo, &erased, &i.Key,
		&outside, &who.Name, &who.Contact, &written, &i.Guessed, &i.Drill, &began, (*string)(&i.Nearly), &i.MergedInto, (*string)(&i.MergedWas))
	if outside {
		i.Outside = &who
	}
	i.LeftOut = unlist(leftOut)
	i.Occurred = incident.Moment{At: at(occurred), Known: occurred != 0}
	i.Discovered = incident.Moment{At: at(discovered), Known: discovered != 0}
	i.Written = incident.Moment{At: at(written), Known: written != 0}
	i.Began = incident.Moment{At: at(began), Known: began != 0}
	i.Reported, i.ClosedAt, i.ErasedAt = at(reported), at(closed), at(erased)
	return i, err
}

// IncidentByKey finds the report that a reporter made with a key.
func (t *txn) IncidentByKey(_ context.Context, reporter, key string) (*incident.Incident, bool, error) {
	var q querier = aside{t}
	if t.w.keeps(incidents, func(row []any) bool { return row[incidentReporter] == reporter && row[incidentKey] == key }) {
		q = t
	}
	i, err := one(t.ctx, q, scanIncident, "SELECT "+incidentColumns+" FROM inc_incident WHERE reporter = $1 AND idem_key = $2 AND idem_key <> ''", reporter, key)
	return maybe(i, err)
}

// NextNumber takes the year's next number; a number is used only if its report is. The
// first of a batch takes the row of the year and holds it until the commit; the others
// count on from there, and the last number is written once.
func (t *txn) NextNumber(_ context.Context, year int) (int, error) {
	if t.w.number.year != year {
		if err := t.settle(); err != nil { // the number of another year
			return 0, err
		}
		last, err := one(t.ctx, aside{t}, scanInt, `INSERT INTO inc_counter (year, last) VALUES ($1, 0)
			ON CONFLICT (year) DO UPDATE SET last = inc_counter.last RETURNING last`, year)
		if err != nil {
			return 0, err
		}
		t.w.number = number{year: year, last: last, written: last}
		t.from.number = t.w.number
	}
	t.w.number.last++
	return t.w.number.last, nil
}

// InsertIncident adds a case.
func (t *txn) InsertIncident(_ context.Context, i *incident.Incident) error {
	if v := incidentValues(i); i.Drill || i.Began.Known || i.Nearly != "" {
		t.add(drills, append(v, i.Drill, moment(i.Began), string(i.Nearly))...)
	} else {
		t.add(incidents, v...)
	}
	return nil
}

// LockIncident reads a case and holds it until the transaction ends.
func (t *txn) LockIncident(_ context.Context, id string) (*incident.Incident, error) {
	i, err := one(t.ctx, t, scanIncident, "SELECT "+incidentColumns+" FROM inc_incident WHERE id = $1"+t.w.d.forUpdate, id)
	return found("incident", i, err)
}

// SaveIncident writes what may change of a case; what was reported never does.
func (t *txn) SaveIncident(_ context.Context, i *incident.Incident) error {
	return t.exec(`UPDATE inc_incident SET occurred_at = $1, discovered_at = $2, status = $3, assignee = $4,
		close_by = $5, close_why = $6, closed_by = $7, closed_at = $8, merged_into = $9, merged_was = $10 WHERE id = $11`,
		moment(i.Occurred), moment(i.Discovered), string(i.Status), i.Assignee, i.CloseBy, i.CloseWhy, i.ClosedBy, micros(i.ClosedAt),
		i.MergedInto, string(i.MergedWas), i.ID)
}

const entryColumns = "id, incident, type, key, text, entered_by, at, corrects, internal"

// InsertEntry adds a dated statement or act.
func (t *txn) InsertEntry(_ context.Context, e incident.Entry) error {
	return t.exec("INSERT INTO inc_entry ("+entryColumns+") VALUES ("+marks(1, 9)+")",
		e.ID, e.Incident, string(e.Type), e.Key, e.Text, e.By, micros(e.At), e.Corrects, e.Internal)
}

const evidenceColumns = "id, incident, name, media, size, sha256, blob, once, added_by, at, erased_at"

// InsertEvidence adds the row that names a blob.
func (t *txn) InsertEvidence(_ context.Context, e incident.Evidence) error {
	return t.exec("INSERT INTO inc_evidence ("+evidenceColumns+") VALUES ("+marks(1, 11)+")",
		e.ID, e.Incident, e.Name, e.Media, e.Size, e.SHA256[:], e.Blob, e.Once, e.By, micros(e.At), micros(e.ErasedAt))
}

// EvidenceOnce finds the file of a case by its Once.
func (t *txn) EvidenceOnce(_ context.Context, of, once string) (incident.Evidence, bool, error) {
	e, err := one(t.ctx, t, scanEvidence, "SELECT "+evidenceColumns+" FROM inc_evidence WHERE incident = $1 AND once = $2 AND once <> ''", of, once)
	return maybe(e, err)
}

func scanEvidence(r scanner) (e incident.Evidence, err error) {
	var sum []byte
	var when, erased int64
	if err = r.Scan(&e.ID, &e.Incident, &e.Name, &e.Media, &e.Size, &sum, &e.Blob, &e.Once, &e.By, &when, &erased); err != nil {
		return e, err
	}
	copy(e.SHA256[:], sum)
	e.At, e.ErasedAt = at(when), at(erased)
	return e, nil
}

// SaveSteps adds a version of a first-response list.
func (t *txn) SaveSteps(_ context.Context, s incident.Steps) error {
	items, err := json.Marshal(s.Items)
	if err != nil {
		return fmt.Errorf("marshal steps: %w", err)
	}
	return t.exec("INSERT INTO inc_steps (kind, version, items, set_by, at) VALUES ($1, $2, $3, $4, $5)",
		string(s.Kind), s.Version, string(items), s.By, micros(s.At))
}

// EraseIncident blanks the words of a case and the content of its events. What
// happened when, and the proofs, stay.
func (t *txn) EraseIncident(_ context.Context, id string, when time.Time) ([]string, error) {
	blobs, err := all(t.ctx, t, scanText, "SELECT blob FROM inc_evidence WHERE incident = $1 AND erased_at = 0", id)
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	us := micros(when)
	for _, s := range []struct {
		text string
		args []any
	}{
		{"UPDATE inc_incident SET summary = '', reporter = '', on_behalf = '', left_out = '', assignee = '', close_by = '', close_why = '', closed_by = '', idem_key = '', outside_name = '', outside_contact = '', erased_at = $1 WHERE id = $2", []any{us, id}},
		{"UPDATE inc_entry SET text = '', entered_by = '' WHERE incident = $1", []any{id}},
		{"UPDATE inc_evidence SET name = '', once = '', added_by = '', erased_at = $1 WHERE incident = $2", []any{us, id}},
		{"DELETE FROM inc_code WHERE incident = $1", []any{id}},
		{"DELETE FROM inc_visit WHERE incident = $1", []any{id}},
		{"DELETE FROM inc_read WHERE incident = $1", []any{id}},
		{"UPDATE inc_relation SET why = '', made_by = '', ended_by = '', ended_why = '' WHERE a = $1 OR b = $2", []any{id, id}},
		{"DELETE FROM inc_lesson WHERE incident = $1 AND state <> 'published'", []any{id}},
		{"UPDATE inc_lesson SET written_by = '', done_by = '' WHERE incident = $1", []any{id}},
		{"DELETE FROM inc_mail WHERE incident = $1", []any{id}},
		{"UPDATE ntc_track SET reporter = '', left_out = '', acked_by = '', acked_for = '', ack_note = '', ended_why = '', passed_to = '' WHERE incident = $1", []any{id}},
		{"DELETE FROM ntc_told WHERE track IN (SELECT id FROM ntc_track WHERE incident = $1)", []any{id}},
		{"UPDATE ntc_attempt SET person = '', instead_of = '', address = '', answer = '', key = id WHERE track IN (SELECT id FROM ntc_track WHERE incident = $1)", []any{id}},
		{"UPDATE dev_order SET reason = '' WHERE incident = $1", []any{id}},
		{"UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE subject = $2 AND content IS NOT NULL", []any{us, id}},
	} {
		if err := t.exec(s.text, s.args...); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// Incident reads a case by id or label.
func (db *DB) Incident(ctx context.Context, id string) (*incident.Incident, error) {
	col := "id"
	if strings.HasPrefix(id, "INC-") {
		col = "label"
	}
	i, err := one(ctx, db.read, scanIncident, "SELECT "+incidentColumns+" FROM inc_incident WHERE "+col+" = $1", id)
	return found("incident", i, err)
}

// Entries lists the additions to a case, oldest first.
func (db *DB) Entries(ctx context.Context, id string) ([]incident.Entry, error) {
	return all(ctx, db.read, func(r scanner) (e incident.Entry, err error) {
		var when int64
		err = r.Scan(&e.ID, &e.Incident, (*string)(&e.Type), &e.Key, &e.Text, &e.By, &when, &e.Corrects, &e.Internal)
		e.At = at(when)
		return e, err
	}, "SELECT "+entryColumns+" FROM inc_entry WHERE incident = $1 ORDER BY at, id", id)
}

// EvidenceOf lists the files of a case, oldest first.
func (db *DB) EvidenceOf(ctx context.Context, id string) ([]incident.Evidence, error) {
	return all(ctx, db.read, scanEvidence, "SELECT "+evidenceColumns+" FROM inc_evidence WHERE incident = $1 ORDER BY at, id", id)
}

// EvidenceByID reads the row of one file.
func (db *DB) EvidenceByID(ctx context.Context, id string) (incident.Evidence, error) {
	e, err := one(ctx, db.read, scanEvidence, "SELECT "+evidenceColumns+" FROM inc_evidence WHERE id = $1", id)
	return found("evidence", e, err)
}

// AllSteps lists the newest version of each edited list.
func (db *DB) AllSteps(ctx context.Context) ([]incident.Steps, error) {
	return all(ctx, db.read, scanSteps, `SELECT kind, version, items, set_by, at FROM inc_steps s
		WHERE version = (SELECT max(version) FROM inc_steps m WHERE m.kind = s.kind) ORDER BY kind`)
}

// StepsVersion reads one version of a list.
func (db *DB) StepsVersion(ctx context.Context, k incident.Kind, version int) (incident.Steps, error) {
	s, err := one(ctx, db.read, scanSteps, "SELECT kind, version, items, set_by, at FROM inc_steps WHERE kind = $1 AND version = $2", string(k), version)
	return found("steps", s, err)
}

func scanSteps(r scanner) (s incident.Steps, err error) {
	var items string
	var when int64
	if err = r.Scan((*string)(&s.Kind), &s.Version, &items, &s.By, &when); err != nil {
		return s, err
	}
	s.At = at(when)
	return s, json.Unmarshal([]byte(items), &s.Items)
}

// Expired lists cases closed before a time and not yet erased. One that goes on as another
// is kept as long as that, and goes after it.
func (db *DB) Expired(ctx context.Context, before time.Time, limit int) ([]string, error) {
	out, err := all(ctx, db.read, scanText, `SELECT id FROM inc_incident WHERE closed_at > 0 AND closed_at < $1 AND erased_at = 0
		AND status IN ('closed', 'withdrawn') ORDER BY closed_at LIMIT $2`, micros(before), limit)
	if err != nil || len(out) == limit {
		return out, err
	}
	more, err := all(ctx, db.read, scanText, `SELECT i.id FROM inc_incident i JOIN inc_incident m ON m.id = i.merged_into
		WHERE i.merged_into <> '' AND i.erased_at = 0 AND m.erased_at > 0 ORDER BY i.id LIMIT $1`, limit-len(out))
	return append(out, more...), err
}

// Count tallies reports by week, kind and the department of who found it, "" for a report
// from outside; near misses by what they nearly became too. The weeks start at since, in
// since's zone, seven days each.
func (db *DB) Count(ctx context.Context, since time.Time) ([]incident.Tally, error) {
	type one struct {
		week         int
		kind, nearly incident.Kind
		dept         string
		outside      bool
	}
	rows, err := all(ctx, db.read, func(r scanner) (o one, err error) {
		var when int64
		err = r.Scan(&when, (*string)(&o.kind), (*string)(&o.nearly), &o.dept, &o.outside)
		o.week = int(at(when).Sub(since) / (7 * 24 * time.Hour))
		return o, err
	}, "SELECT reported_at, kind, nearly, CASE WHEN outside THEN '' ELSE department END, outside FROM inc_incident WHERE reported_at >= $1 AND drill = false ORDER BY reported_at", micros(since))
	if err != nil {
		return nil, err
	}
	var out []incident.Tally
	index := map[one]int{}
	for _, o := range rows {
		n, ok := index[o]
		if !ok {
			n = len(out)
			index[o] = n
			out = append(out, incident.Tally{Week: since.AddDate(0, 0, 7*o.week), Kind: o.kind, Nearly: o.nearly, Department: o.dept, Outside: o.outside})
		}
		out[n].N++
	}
	return out, nil
}

// Find lists cases newest first, only those in the query's scope.
func (db *DB) Find(ctx context.Context, q incident.Query) (incident.Page, error) {
	w := where{}
	scope(&w, q)
	if q.Text != "" {
		// lower on both sides by the database, which folds fewer letters than Go.
		pattern := "%" + like(q.Text) + "%"
		w.add(`lower(i.summary) LIKE lower(?) ESCAPE '\' OR lower(i.label) LIKE lower(?) ESCAPE '\' OR EXISTS (SELECT 1 FROM inc_entry e
			WHERE e.incident = i.id AND e.internal = false AND lower(e.text) LIKE lower(?) ESCAPE '\')`, pattern, pattern, pattern)
	}
	in(&w, "i.kind", q.Kinds)
	in(&w, "i.status", q.Statuses)
	if q.Department != "" {
		w.add("i.department = ?", q.Department)
	}
	if q.Unanswered {
		w.add("EXISTS (SELECT 1 FROM ntc_track k WHERE k.incident = i.id AND k.state = 'open')")
	}
	if q.Unread {
		w.add("i.id IN (SELECT e.incident FROM inc_entry e JOIN inc_incident i ON i.id = e.incident WHERE "+unread+")", q.Person, q.Person, q.Person)
	}
	if !q.From.IsZero() {
		w.add("i.reported_at >= ?", micros(q.From))
	}
	if !q.To.IsZero() {
		w.add("i.reported_at < ?", micros(q.To))
	}
	if q.After != "" {
		w.add("i.id < ?", q.After)
	}
	text, args := w.text()
	cases, err := all(ctx, db.read, scanIncident, fmt.Sprintf("SELECT %s FROM inc_incident i %s ORDER BY i.id DESC LIMIT %d",
		"i."+strings.Join(strings.Split(strings.Join(strings.Fields(incidentColumns), ""), ","), ", i."), text, q.Limit+1), args...)
	if err != nil {
		return incident.Page{}, err
	}
	var p incident.Page
	if len(cases) > q.Limit {
		cases = cases[:q.Limit]
		p.Next = cases[q.Limit-1].ID
	}
	if err := db.withOpenTracks(ctx, cases, &p); err != nil {
		return p, err
	}
	return p, db.withUnread(ctx, q.Person, &p)
}

// scope keeps the list to what the actor may see; it mirrors incident.SightOf.
func scope(w *where, q incident.Query) {
	if q.Hidden != "" {
		w.add(`' ' || i.left_out || ' ' NOT LIKE ? ESCAPE '\'`, "% "+like(q.Hidden)+" %")
	}
	if q.All {
		return
	}
	cond := `i.reporter = ? OR i.on_behalf = ? OR i.assignee = ? OR EXISTS (SELECT 1 FROM ntc_told d JOIN ntc_track k ON k.id = d.track
		WHERE k.incident = i.id AND d.person = ?)`
	args := []any{q.Person, q.Person, q.Person, q.Person}
	if q.Technical && len(q.Kin) > 0 {
		cond += " OR i.kind IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(q.Kin)), ", ") + ")"
		for _, k := range q.Kin {
			args = append(args, k)
		}
	}
	w.add(cond, args...)
}

func in[T ~string](w *where, col string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	w.add(col+" IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")+")", args...)
}

func (db *DB) withOpenTracks(ctx context.Context, cases []*incident.Incident, p *incident.Page) error {
	if len(cases) == 0 {
		return nil
	}
	w := where{}
	ids := make([]string, len(cases))
	for i, c := range cases {
		ids[i] = c.ID
	}
	in(&w, "incident", ids)
	w.add("state = 'open'")
	text, args := w.text()
	type open struct{ incident, receiver string }
	rows, err := all(ctx, db.read, func(r scanner) (o open, err error) { return o, r.Scan(&o.incident, &o.receiver) },
		"SELECT incident, receiver FROM ntc_track "+text+" ORDER BY started_at, id", args...)
	if err != nil {
		return fmt.Errorf("load open tracks: %w", err)
	}
	byCase := map[string][]notice.Receiver{}
	for _, o := range rows {
		byCase[o.incident] = append(byCase[o.incident], notice.Receiver(o.receiver))
	}
	for _, c := range cases {
		p.Rows = append(p.Rows, incident.Row{Incident: *c, OpenTracks: byCase[c.ID]})
	}
	return nil
}
