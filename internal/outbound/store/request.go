package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/request"
)

var _ request.Store = (*DB)(nil)

// UpdateRequests runs one change of requests.
func (db *DB) UpdateRequests(ctx context.Context, f func(request.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

const requestColumns = `id, label, kind, applicant, revision, form, title, about, expires_at, state, chain, steps, asked_at, deadline,
	next_fire, reminded, climbed, ended_at, reason, used_by, used_at`

func requestValues(r *request.Request) ([]any, error) {
	steps, err := json.Marshal(r.Steps)
	if err != nil {
		return nil, fmt.Errorf("marshal steps: %w", err)
	}
	return []any{r.ID, r.Label, r.Kind, r.By, r.Revision, string(r.Form), r.Title, r.About, micros(r.Expires), string(r.State), r.Chain,
		string(steps), micros(r.Asked), micros(r.Deadline), micros(r.NextFire), r.Reminded, r.Climbed, micros(r.Ended), r.Reason,
		r.UsedBy, micros(r.UsedAt)}, nil
}

func scanRequest(row scanner) (*request.Request, error) {
	r := &request.Request{}
	var form, steps string
	var expires, asked, deadline, next, ended, used int64
	if err := row.Scan(&r.ID, &r.Label, &r.Kind, &r.By, &r.Revision, &form, &r.Title, &r.About, &expires, (*string)(&r.State), &r.Chain,
		&steps, &asked, &deadline, &next, &r.Reminded, &r.Climbed, &ended, &r.Reason, &r.UsedBy, &used); err != nil {
		return r, err
	}
	r.Form = json.RawMessage(form)
	r.Expires, r.Asked, r.Deadline, r.NextFire, r.Ended, r.UsedAt = at(expires), at(asked), at(deadline), at(next), at(ended), at(used)
	return r, json.Unmarshal([]byte(steps), &r.Steps)
}

// requestNamed is the column that an id or a label stands in.
func requestNamed(name string) string {
	if strings.HasPrefix(name, "REQ-") {
		return "label"
	}
	return "id"
}

// NextRequestNumber takes the year's next number; it is used only if its request is.
func (t *txn) NextRequestNumber(_ context.Context, year int) (int, error) {
	return one(t.ctx, t, scanInt, `INSERT INTO req_counter (year, last) VALUES ($1, 1)
		ON CONFLICT (year) DO UPDATE SET last = req_counter.last + 1 RETURNING last`, year)
}

const requestByKey = "SELECT " + requestColumns + " FROM req_request WHERE applicant = $1 AND idem_key = $2 AND idem_key <> ''"

// RequestByKey finds the request that an applicant made with a key.
func (t *txn) RequestByKey(_ context.Context, applicant, key string) (*request.Request, bool, error) {
	r, err := one(t.ctx, t, scanRequest, requestByKey, applicant, key)
	return maybe(r, err)
}

// RequestByKey finds the request that an applicant made with a key.
func (db *DB) RequestByKey(ctx context.Context, applicant, key string) (*request.Request, bool, error) {
	r, err := one(ctx, db.read, scanRequest, requestByKey, applicant, key)
	return maybe(r, err)
}

// OpenRequestsOf counts the requests of a person that are not over.
func (t *txn) OpenRequestsOf(_ context.Context, applicant string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM req_request WHERE applicant = $1 AND state IN ('waiting', 'returned')", applicant)
}

// InsertRequest adds a request.
func (t *txn) InsertRequest(_ context.Context, r *request.Request, key string) error {
	v, err := requestValues(r)
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO req_request ("+requestColumns+", idem_key, erased_at) VALUES ("+marks(1, 23)+")", append(v, key, 0)...); err != nil {
		return err
	}
	return t.saveAsked(r)
}

// LockRequest reads a request, by id or label, and holds it until the transaction ends.
func (t *txn) LockRequest(_ context.Context, name string) (*request.Request, error) {
	r, err := one(t.ctx, t, scanRequest, "SELECT "+requestColumns+" FROM req_request WHERE "+requestNamed(name)+" = $1"+t.w.d.forUpdate, name)
	return found("request", r, err)
}

// UseApproval is LockRequest for those who make something of an approval.
func (t *txn) UseApproval(ctx context.Context, name string) (*request.Request, error) {
	return t.LockRequest(ctx, name)
}

// SaveRequest writes what may change of a request; number, kind and applicant never do.
func (t *txn) SaveRequest(_ context.Context, r *request.Request) error {
	v, err := requestValues(r)
	if err != nil {
		return err
	}
	if err := t.exec(`UPDATE req_request SET revision = $1, form = $2, title = $3, about = $4, expires_at = $5, state = $6, chain = $7,
		steps = $8, asked_at = $9, deadline = $10, next_fire = $11, reminded = $12, climbed = $13, ended_at = $14, reason = $15,
		used_by = $16, used_at = $17 WHERE id = $18`, append(v[4:], r.ID)...); err != nil {
		return fmt.Errorf("save request: %w", err)
	}
	return t.saveAsked(r)
}

// saveAsked writes who was asked, whose decision is wanted now, and who has decided.
// Nobody is ever taken off.
func (t *txn) saveAsked(r *request.Request) error {
	if err := t.exec("UPDATE req_asked SET waits = false WHERE request = $1 AND waits = true", r.ID); err != nil {
		return fmt.Errorf("clear who is asked: %w", err)
	}
	for _, s := range r.Steps {
		for _, a := range s.Asked {
			stamped := false
			for _, x := range s.Stamps {
				stamped = stamped || x.Person == a.Person
			}
			waits := r.State == request.Waiting && s.State == request.StepOpen && !stamped
			if err := t.exec(`INSERT INTO req_asked (request, person, instead_of, waits, stamped) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (request, person, instead_of) DO UPDATE SET waits = excluded.waits, stamped = req_asked.stamped OR excluded.stamped`,
				r.ID, a.Person, a.For, waits, stamped); err != nil {
				return fmt.Errorf("save who is asked: %w", err)
			}
		}
	}
	return nil
}

const wordColumns = "id, request, said_by, at, question, text"

func scanWord(r scanner) (w request.Word, err error) {
	var when int64
	err = r.Scan(&w.ID, &w.Request, &w.By, &when, &w.Question, &w.Text)
	w.At = at(when)
	return w, err
}

// InsertWord adds a question or an answer.
func (t *txn) InsertWord(_ context.Context, w request.Word) error {
	return t.exec("INSERT INTO req_word ("+wordColumns+") VALUES ("+marks(1, 6)+")", w.ID, w.Request, w.By, micros(w.At), w.Question, w.Text)
}

const wordsOf = "SELECT " + wordColumns + " FROM req_word WHERE request = $1 ORDER BY at, id"

// WordsIn lists the words on a request, oldest first.
func (t *txn) WordsIn(_ context.Context, req string) ([]request.Word, error) {
	return all(t.ctx, t, scanWord, wordsOf, req)
}

// Words lists the words on a request, oldest first.
func (db *DB) Words(ctx context.Context, req string) ([]request.Word, error) {
	return all(ctx, db.read, scanWord, wordsOf, req)
}

func scanChain(r scanner) (c request.Chain, err error) {
	var text string
	if err = r.Scan(&text); err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(text), &c)
}

// LatestChain reads the newest written chain of a kind and holds it.
func (t *txn) LatestChain(_ context.Context, kind string) (request.Chain, bool, error) {
	c, err := one(t.ctx, t, scanChain, "SELECT chain FROM req_chain WHERE kind = $1 ORDER BY version DESC LIMIT 1"+t.w.d.forUpdate, kind)
	return maybe(c, err)
}

// SaveChain adds a version. Of two that are the same the second is refused.
func (t *txn) SaveChain(_ context.Context, c request.Chain, by string, when time.Time) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("marshal chain: %w", err)
	}
	return t.exec("INSERT INTO req_chain (kind, version, chain, set_by, at) VALUES ($1, $2, $3, $4, $5)", c.Kind, c.Version, string(text), by, micros(when))
}

// Chains reads the newest written chain of each kind.
func (db *DB) Chains(ctx context.Context) ([]request.Chain, error) {
	return all(ctx, db.read, scanChain, `SELECT chain FROM req_chain c
		WHERE version = (SELECT max(version) FROM req_chain m WHERE m.kind = c.kind) ORDER BY kind`)
}

// ChainVersion reads one version of a kind's chain.
func (db *DB) ChainVersion(ctx context.Context, kind string, version int) (request.Chain, error) {
	c, err := one(ctx, db.read, scanChain, "SELECT chain FROM req_chain WHERE kind = $1 AND version = $2", kind, version)
	return found("chain", c, err)
}

// ExpiredRequests lists requests that ended before a time and were not erased, oldest
// first. A timer that still runs is not over, nor is an approval that can still be used.
func (db *DB) ExpiredRequests(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, `SELECT id FROM req_request WHERE ended_at > 0 AND erased_at = 0 AND ended_at < $1 AND next_fire = 0
		AND (state <> 'approved' OR used_by <> '') ORDER BY ended_at LIMIT $2`, micros(before), limit)
}

// EraseRequest blanks the words and names of a request and the content of its events.
func (t *txn) EraseRequest(_ context.Context, req string, when time.Time) error {
	us := micros(when)
	for _, s := range []struct {
		text string
		args []any
	}{
		{`UPDATE req_request SET applicant = '', form = '{}', title = '', about = '', steps = '[]', reason = '', idem_key = '', erased_at = $1 WHERE id = $2`, []any{us, req}},
		{"DELETE FROM req_word WHERE request = $1", []any{req}},
		{"DELETE FROM req_asked WHERE request = $1", []any{req}},
		{"UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE subject = $2 AND content IS NOT NULL", []any{us, req}},
	} {
		if err := t.exec(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// Request reads a request by id or label.
func (db *DB) Request(ctx context.Context, name string) (*request.Request, error) {
	r, err := one(ctx, db.read, scanRequest, "SELECT "+requestColumns+" FROM req_request WHERE "+requestNamed(name)+" = $1", name)
	return found("request", r, err)
}

// WasAsked reports whether the person was ever asked on the request, or somebody in their
// place.
func (db *DB) WasAsked(ctx context.Context, req, person string) (bool, error) {
	n, err := one(ctx, db.read, scanInt, "SELECT count(*) FROM req_asked WHERE request = $1 AND (person = $2 OR instead_of = $3) AND $4 <> ''", req, person, person, person)
	return n > 0, err
}

// DueRequests lists requests whose timer has run out, oldest first.
func (db *DB) DueRequests(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM req_request WHERE next_fire > 0 AND next_fire <= $1 ORDER BY next_fire LIMIT $2", micros(now), limit)
}

// NextRequestDue is when the next timer of a request runs out.
func (db *DB) NextRequestDue(ctx context.Context) (time.Time, bool, error) {
	us, err := one(ctx, db.read, scanInt64, "SELECT coalesce(min(next_fire), 0) FROM req_request WHERE next_fire > 0")
	return at(us), us != 0, err
}

// FindRequests lists requests newest first, only those of the box.
func (db *DB) FindRequests(ctx context.Context, q request.Find) ([]*request.Request, string, error) {
	w := where{}
	const asked = "id IN (SELECT request FROM req_asked WHERE person = ? AND %[1]s UNION SELECT request FROM req_asked WHERE instead_of = ? AND instead_of <> '' AND %[1]s)"
	switch q.Box {
	case request.Every:
	case request.ForMe:
		w.add(fmt.Sprintf(asked, "waits = true"), q.Person, q.Person)
		w.add("state = 'waiting'")
	case request.Decided:
		w.add("id IN (SELECT request FROM req_asked WHERE person = ? AND stamped = true)", q.Person)
	default:
		w.add("applicant = ?", q.Person)
	}
	if q.Kind != "" {
		w.add("kind = ?", q.Kind)
	}
	if q.State != "" {
		w.add("state = ?", string(q.State))
	}
	if q.About != "" {
		w.add("about = ? AND about <> ''", q.About) // names the index, which has no empty ones
	}
	if q.Text != "" {
		pattern := "%" + like(q.Text) + "%"
		w.add(`lower(title) LIKE lower(?) ESCAPE '\' OR lower(label) LIKE lower(?) ESCAPE '\'`, pattern, pattern)
	}
	if q.After != "" {
		w.add("id < ?", q.After)
	}
	text, args := w.text()
	found, err := all(ctx, db.read, scanRequest, fmt.Sprintf("SELECT %s FROM req_request %s ORDER BY id DESC LIMIT %d", requestColumns, text, q.Limit+1), args...)
	if err != nil || len(found) <= q.Limit {
		return found, "", err
	}
	return found[:q.Limit], found[q.Limit-1].ID, nil
}
