package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/takeout"
)

// UpdateTakeOuts runs one change of passes.
func (db *DB) UpdateTakeOuts(ctx context.Context, f func(takeout.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

const passColumns = `id, label, request, person, department, state, made_at, until_at, expected_at, next_fire, over_at, incident, body, erased_at`

func scanPass(r scanner) (*takeout.Pass, error) {
	p := &takeout.Pass{}
	var body string
	var made, until, expected, fire, over, erased int64
	if err := r.Scan(&p.ID, &p.Label, &p.Request, &p.Person, &p.Department, (*string)(&p.State), &made, &until, &expected, &fire, &over, &p.Incident, &body, &erased); err != nil {
		return p, err
	}
	p.Made, p.Until, p.Expected, p.NextFire, p.Over, p.ErasedAt = at(made), at(until), at(expected), at(fire), at(over), at(erased)
	if err := json.Unmarshal([]byte(body), &p.Body); err != nil {
		return p, fmt.Errorf("read body of pass %s: %w", p.ID, err)
	}
	return p, nil
}

func scanOnePass(r scanner) (takeout.Pass, error) {
	p, err := scanPass(r)
	return *p, err
}

// passNamed is the column that an id or a label stands in.
func passNamed(name string) string {
	if strings.HasPrefix(name, "TKO-") {
		return "label"
	}
	return "id"
}

// passSearch is all of a pass that a search looks into, and passBody what is looked at
// only with the pass.
func passSearch(p *takeout.Pass) string {
	words := []string{p.Label, p.Form.To, p.Form.Purpose}
	for _, i := range p.Form.Items {
		words = append(words, i.Name, i.Number)
	}
	return strings.ToLower(strings.Join(words, "\n"))
}

func passBody(p *takeout.Pass) (string, error) {
	body, err := json.Marshal(p.Body)
	if err != nil {
		return "", fmt.Errorf("marshal body of pass %s: %w", p.ID, err)
	}
	return string(body), nil
}

// NextPassNumber takes the year's next number; it is used only if its pass is.
func (t *txn) NextPassNumber(_ context.Context, year int) (int, error) {
	return one(t.ctx, t, scanInt, `INSERT INTO tko_counter (year, last) VALUES ($1, 1)
		ON CONFLICT (year) DO UPDATE SET last = tko_counter.last + 1 RETURNING last`, year)
}

// InsertPass adds a pass, and ties its manifest to it.
func (t *txn) InsertPass(_ context.Context, p *takeout.Pass) error {
	body, err := passBody(p)
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO tko_pass ("+passColumns+", search) VALUES ("+marks(1, 15)+")", p.ID, p.Label, p.Request, p.Person, p.Department, string(p.State),
		micros(p.Made), micros(p.Until), micros(p.Expected), micros(p.NextFire), micros(p.Over), p.Incident, body, micros(p.ErasedAt), passSearch(p)); err != nil {
		return err
	}
	for _, a := range p.Approvers {
		if err := t.exec("INSERT INTO tko_approver (pass, person) VALUES ($1, $2) ON CONFLICT (pass, person) DO NOTHING", p.ID, a); err != nil {
			return fmt.Errorf("insert approver: %w", err)
		}
	}
	if p.Form.Manifest == "" {
		return nil
	}
	return t.exec("UPDATE tko_manifest SET pass = $1 WHERE id = $2 AND pass = ''", p.ID, p.Form.Manifest)
}

// LockPass reads a pass, by id or label, and holds it until the transaction ends.
func (t *txn) LockPass(_ context.Context, pass string) (*takeout.Pass, error) {
	p, err := one(t.ctx, t, scanPass, "SELECT "+passColumns+" FROM tko_pass WHERE "+passNamed(pass)+" = $1"+t.w.d.forUpdate, pass)
	return found("takeout", p, err)
}

// SavePass writes what may change of a pass.
func (t *txn) SavePass(_ context.Context, p *takeout.Pass) error {
	body, err := passBody(p)
	if err != nil {
		return err
	}
	return t.exec("UPDATE tko_pass SET state = $1, expected_at = $2, next_fire = $3, over_at = $4, incident = $5, body = $6 WHERE id = $7",
		string(p.State), micros(p.Expected), micros(p.NextFire), micros(p.Over), p.Incident, body, p.ID)
}

func scanManifest(r scanner) (m takeout.Manifest, err error) {
	var when int64
	var lines string
	if err = r.Scan(&m.ID, &m.Person, &when, &m.SHA256, &lines); err != nil {
		return m, err
	}
	m.At = at(when)
	m.Lines, err = takeout.ReadLines([]byte(lines))
	return m, err
}

const manifestColumns = "id, person, at, sha256, lines"

// ManifestLike finds the manifest of a person with that hash.
func (t *txn) ManifestLike(_ context.Context, person, sha256 string) (takeout.Manifest, bool, error) {
	m, err := one(t.ctx, t, scanManifest, "SELECT "+manifestColumns+" FROM tko_manifest WHERE person = $1 AND sha256 = $2", person, sha256)
	return maybe(m, err)
}

// CountManifests counts the manifests of a person of which no pass was made.
func (t *txn) CountManifests(_ context.Context, person string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM tko_manifest WHERE person = $1 AND pass = ''", person)
}

// InsertManifest keeps a manifest.
func (t *txn) InsertManifest(_ context.Context, m takeout.Manifest, lines []byte) error {
	return t.exec("INSERT INTO tko_manifest ("+manifestColumns+", pass) VALUES ($1, $2, $3, $4, $5, '')", m.ID, m.Person, micros(m.At), m.SHA256, string(lines))
}

// Manifest reads a manifest.
func (db *DB) Manifest(ctx context.Context, manifest string) (takeout.Manifest, error) {
	m, err := one(ctx, db.read, scanManifest, "SELECT "+manifestColumns+" FROM tko_manifest WHERE id = $1", manifest)
	return found("manifest", m, err)
}

// Pass reads a pass by id or label.
func (db *DB) Pass(ctx context.Context, pass string) (*takeout.Pass, error) {
	p, err := one(ctx, db.read, scanPass, "SELECT "+passColumns+" FROM tko_pass WHERE "+passNamed(pass)+" = $1", pass)
	return found("takeout", p, err)
}

// PassOfCase finds the pass whose loss a case is about.
func (db *DB) PassOfCase(ctx context.Context, incident string) (*takeout.Pass, bool, error) {
	p, err := one(ctx, db.read, scanPass, "SELECT "+passColumns+" FROM tko_pass WHERE incident = $1 AND incident <> ''", incident)
	return maybe(p, err)
}

// FindPasses lists passes newest first, only what the scope sees.
func (db *DB) FindPasses(ctx context.Context, q takeout.Query) ([]takeout.Pass, error) {
	w := where{}
	if s := q.Scope; !s.All {
		args := []any{s.Person, s.Person}
		own := "person = ? OR id IN (SELECT pass FROM tko_approver WHERE person = ?)"
		if len(s.Below) > 0 {
			own += " OR person IN (?" + strings.Repeat(", ?", len(s.Below)-1) + ")"
			for _, p := range s.Below {
				args = append(args, p)
			}
		}
		w.add(own, args...)
	}
	if q.Person != "" {
		w.add("person = ?", q.Person)
	}
	if q.Department != "" {
		w.add("department = ?", q.Department)
	}
	if q.State != "" {
		w.add("state = ?", string(q.State))
	}
	if q.Open {
		w.add("over_at = 0")
	}
	if q.Late {
		w.add("over_at = 0 AND state <> 'ready' AND (until_at <= ? OR state = 'moving' AND expected_at <= ?)", micros(q.Now), micros(q.Now.Add(-takeout.Grace)))
	}
	if q.Text != "" {
		w.add(`search LIKE ? ESCAPE '\'`, "%"+like(strings.ToLower(q.Text))+"%")
	}
	if q.After != "" {
		w.add("id < ?", q.After)
	}
	text, args := w.text()
	return all(ctx, db.read, scanOnePass, fmt.Sprintf("SELECT %s FROM tko_pass %s ORDER BY id DESC LIMIT %d", passColumns, text, q.Limit), args...)
}

// DuePasses lists passes whose timer has run out, earliest first.
func (db *DB) DuePasses(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM tko_pass WHERE next_fire > 0 AND next_fire <= $1 ORDER BY next_fire, id LIMIT $2", micros(now), limit)
}

// NextPassFire is when the next timer runs out.
func (db *DB) NextPassFire(ctx context.Context) (time.Time, bool, error) {
	next, err := one(ctx, db.read, scanInt64, "SELECT coalesce(min(next_fire), 0) FROM tko_pass WHERE next_fire > 0")
	return at(next), next != 0, err
}

// ExpiredPasses lists passes that ended before a time and were not erased, the oldest first.
func (db *DB) ExpiredPasses(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM tko_pass WHERE over_at > 0 AND erased_at = 0 AND over_at < $1 ORDER BY over_at, id LIMIT $2", micros(before), limit)
}

// ErasePass blanks a pass, forgets its manifest, and what the record says of both.
func (t *txn) ErasePass(_ context.Context, pass string, when time.Time) error {
	us := micros(when)
	for _, s := range []struct {
		text string
		args []any
	}{
		{`UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE content IS NOT NULL
			AND (subject = $2 OR subject IN (SELECT id FROM tko_manifest WHERE pass = $3))`, []any{us, pass, pass}},
		{"DELETE FROM tko_manifest WHERE pass = $1", []any{pass}},
		{"DELETE FROM tko_approver WHERE pass = $1", []any{pass}},
		{"UPDATE tko_pass SET request = '', person = '', department = '', incident = '', search = '', body = '{}', erased_at = $1 WHERE id = $2", []any{us, pass}},
	} {
		if err := t.exec(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// EraseManifests forgets old manifests that became nothing, and what the record says of them.
func (t *txn) EraseManifests(_ context.Context, before, when time.Time, limit int) (int, error) {
	old, err := all(t.ctx, t, scanText, "SELECT id FROM tko_manifest WHERE pass = '' AND at < $1 ORDER BY at, id LIMIT $2", micros(before), limit)
	if err != nil {
		return 0, fmt.Errorf("list manifests: %w", err)
	}
	for _, m := range old {
		if err := t.exec("UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE subject = $2 AND content IS NOT NULL", micros(when), m); err != nil {
			return 0, err
		}
		if err := t.exec("DELETE FROM tko_manifest WHERE id = $1", m); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}
