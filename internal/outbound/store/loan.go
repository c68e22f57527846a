package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/asset"
)

const loanColumns = `id, label, asset, request, person, device, from_at, until_at, read_only, purpose, state, handed_by, handed_at, received_at, ended_at,
	back_by, back_at, done_by, done_at, content, erased, check_note, next_fire, reminded, chased_at, climbed, over_at, erased_at`

// Loans that somebody has, and those that want something: as the indexes say.
const (
	heldLoan = "state IN ('handed', 'out', 'ended')"
	openLoan = "state IN ('handed', 'out', 'ended', 'back')"
)

// scanLoan reads the columns of a loan; more are those that follow them.
func scanLoan(r scanner, more ...any) (l asset.Loan, err error) {
	var from, until, handed, received, ended, back, done, fire, chased, over, erased int64
	err = r.Scan(append([]any{&l.ID, &l.Label, &l.Asset, &l.Request, &l.Person, &l.Device, &from, &until, &l.ReadOnly, &l.Purpose, (*string)(&l.State),
		&l.HandedBy, &handed, &received, &ended, &l.BackBy, &back, &l.DoneBy, &done, &l.Content, &l.Erased, &l.CheckNote, &fire, &l.Reminded,
		&chased, &l.Climbed, &over, &erased}, more...)...)
	l.From, l.Until, l.HandedAt, l.ReceivedAt, l.EndedAt, l.BackAt = at(from), at(until), at(handed), at(received), at(ended), at(back)
	l.DoneAt, l.NextFire, l.Chased, l.Over, l.ErasedAt = at(done), at(fire), at(chased), at(over), at(erased)
	return l, err
}

func scanOneLoan(r scanner) (*asset.Loan, error) {
	l, err := scanLoan(r)
	return &l, err
}

// NextLoanNumber takes the year's next number; it is used only if the loan is.
func (t *txn) NextLoanNumber(_ context.Context, year int) (int, error) {
	return one(t.ctx, t, scanInt, "INSERT INTO lon_counter (year, last) VALUES ($1, 1) ON CONFLICT (year) DO UPDATE SET last = lon_counter.last + 1 RETURNING last", year)
}

// InsertLoan adds a loan.
func (t *txn) InsertLoan(_ context.Context, l *asset.Loan) error {
	return t.exec("INSERT INTO lon_loan ("+loanColumns+", keeper, department) SELECT "+casts()+", keeper, department FROM ast_asset WHERE id = $3",
		l.ID, l.Label, l.Asset, l.Request, l.Person, l.Device, micros(l.From), micros(l.Until), l.ReadOnly, l.Purpose, string(l.State), l.HandedBy,
		micros(l.HandedAt), micros(l.ReceivedAt), micros(l.EndedAt), l.BackBy, micros(l.BackAt), l.DoneBy, micros(l.DoneAt), l.Content, l.Erased, l.CheckNote,
		micros(l.NextFire), l.Reminded, micros(l.Chased), l.Climbed, micros(l.Over), micros(l.ErasedAt))
}

// casts gives the parameters of a loan with their types, which PostgreSQL cannot tell in a
// list of what is selected.
func casts() string {
	kinds := map[int]string{7: "BIGINT", 8: "BIGINT", 9: "BOOLEAN", 13: "BIGINT", 14: "BIGINT", 15: "BIGINT", 17: "BIGINT", 19: "BIGINT", 23: "BIGINT", 24: "BIGINT", 25: "BIGINT", 26: "BIGINT", 27: "BIGINT", 28: "BIGINT"}
	out := make([]string, 28)
	for i := range out {
		kind, ok := kinds[i+1]
		if !ok {
			kind = "TEXT"
		}
		out[i] = fmt.Sprintf("CAST($%d AS %s)", i+1, kind)
	}
	return strings.Join(out, ", ")
}

// loanColumn chooses by which column a loan is asked for.
func loanColumn(loan string) string {
	if strings.HasPrefix(loan, "LOAN-") {
		return "label"
	}
	return "id"
}

// LockLoan reads a loan by id or label and holds it until the transaction ends.
func (t *txn) LockLoan(_ context.Context, loan string) (*asset.Loan, error) {
	l, err := one(t.ctx, t, scanOneLoan, "SELECT "+loanColumns+" FROM lon_loan WHERE "+loanColumn(loan)+" = $1"+t.w.d.forUpdate, loan)
	return found("loan", l, err)
}

// SaveLoan writes what may change of a loan.
func (t *txn) SaveLoan(_ context.Context, l *asset.Loan) error {
	return t.exec(`UPDATE lon_loan SET until_at = $1, state = $2, received_at = $3, ended_at = $4, back_by = $5, back_at = $6, done_by = $7, done_at = $8,
		content = $9, erased = $10, check_note = $11, next_fire = $12, reminded = $13, chased_at = $14, climbed = $15, over_at = $16 WHERE id = $17`,
		micros(l.Until), string(l.State), micros(l.ReceivedAt), micros(l.EndedAt), l.BackBy, micros(l.BackAt), l.DoneBy, micros(l.DoneAt),
		l.Content, l.Erased, l.CheckNote, micros(l.NextFire), l.Reminded, micros(l.Chased), l.Climbed, micros(l.Over), l.ID)
}

// HeldBy lists what a person has, by label.
func (t *txn) HeldBy(_ context.Context, person string) ([]asset.Loan, error) {
	return heldBy(t.ctx, t, person)
}

// HeldLoans lists what a person has, by label.
func (db *DB) HeldLoans(ctx context.Context, person string) ([]asset.Loan, error) {
	return heldBy(ctx, db.read, person)
}

func heldBy(ctx context.Context, q querier, person string) ([]asset.Loan, error) {
	return all(ctx, q, func(r scanner) (asset.Loan, error) { return scanLoan(r) },
		"SELECT "+loanColumns+" FROM lon_loan WHERE person = $1 AND "+heldLoan+" ORDER BY label", person)
}

// Loan reads a loan by id or label.
func (db *DB) Loan(ctx context.Context, loan string) (*asset.Loan, error) {
	l, err := one(ctx, db.read, scanOneLoan, "SELECT "+loanColumns+" FROM lon_loan WHERE "+loanColumn(loan)+" = $1", loan)
	return found("loan", l, err)
}

// FindLoans lists loans, newest first.
func (db *DB) FindLoans(ctx context.Context, q asset.LoanQuery) ([]asset.LoanRow, error) {
	var branches []string
	w := where{}
	order := "l.id"
	if q.Overdue && q.Scope.All { // few: found by their end and then sorted, not in order among all
		order = "l.id || ''"
	}
	for _, own := range loanScope(q.Scope) {
		w.parts = nil // the arguments go on
		w.add(own.cond, own.args...)
		loanFilters(&w, q)
		branches = append(branches, fmt.Sprintf("SELECT id FROM (SELECT l.id FROM lon_loan l WHERE %s ORDER BY %s DESC LIMIT %d) b%d",
			strings.Join(w.parts, " AND "), order, q.Limit, len(branches)))
	}
	return all(ctx, db.read, func(r scanner) (row asset.LoanRow, err error) {
		row.Loan, err = scanLoan(r, &row.Number, (*string)(&row.Kind), &row.Model, &row.Keeper)
		return row, err
	}, fmt.Sprintf("SELECT %s, a.number, a.kind, a.model, a.keeper FROM lon_loan l JOIN ast_asset a ON a.id = l.asset WHERE l.id IN (%s) ORDER BY l.id DESC LIMIT %d",
		"l."+strings.Join(strings.Split(strings.Join(strings.Fields(loanColumns), ""), ","), ", l."), strings.Join(branches, " UNION "), q.Limit), w.args...)
}

// loanScope gives what the actor may see as conditions of which each has an index that
// gives its loans newest first.
func loanScope(s asset.Scope) []condition {
	if s.All {
		return []condition{{"true", nil}}
	}
	out := []condition{{"l.person = ?", []any{s.Person}}, {"l.keeper = ?", []any{s.Person}}}
	return append(out, departments("l.department", s.Departments)...)
}

func loanFilters(w *where, q asset.LoanQuery) {
	if q.Person != "" {
		w.add("l.person = ?", q.Person)
	}
	if q.Device != "" {
		w.add("l.device = ? AND l.device <> ''", q.Device)
	}
	if q.Asset != "" {
		w.add("l.asset = ?", q.Asset)
	}
	if q.State != "" {
		w.add("l.state = ?", string(q.State))
	}
	if q.Open {
		w.add("l." + openLoan)
	}
	if q.Overdue {
		w.add("l."+heldLoan+" AND l.until_at <= ?", micros(q.Now))
	}
	if q.After != "" {
		w.add("l.id < ?", q.After)
	}
}

// DueLoans lists loans whose timer has run out, earliest first.
func (db *DB) DueLoans(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM lon_loan WHERE next_fire > 0 AND next_fire <= $1 ORDER BY next_fire, id LIMIT $2", micros(now), limit)
}

// NextLoanFire is when the next timer runs out.
func (db *DB) NextLoanFire(ctx context.Context) (time.Time, bool, error) {
	next, err := one(ctx, db.read, scanInt64, "SELECT coalesce(min(next_fire), 0) FROM lon_loan WHERE next_fire > 0")
	return at(next), next != 0, err
}

// ExpiredLoans lists loans that ended before a time and were not erased, the oldest first.
func (db *DB) ExpiredLoans(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM lon_loan WHERE over_at > 0 AND erased_at = 0 AND over_at < $1 ORDER BY over_at, id LIMIT $2", micros(before), limit)
}

// EraseLoan blanks a loan, what the record says of it and the files that were written. No
// two loans of a thing overlap: what was recorded of lending it from the hand-over on until
// the next is of this one. (The record's times may be a little later than the loan's own.)
func (t *txn) EraseLoan(_ context.Context, loan string, when time.Time) error {
	us := micros(when)
	l, err := one(t.ctx, t, scanOneLoan, "SELECT "+loanColumns+" FROM lon_loan WHERE id = $1", loan)
	if err != nil {
		return fmt.Errorf("load loan: %w", err)
	}
	next, err := one(t.ctx, t, scanInt64, "SELECT coalesce(min(handed_at), 0) FROM lon_loan WHERE asset = $1 AND handed_at > $2", l.Asset, micros(l.HandedAt))
	if err != nil {
		return fmt.Errorf("find the next loan: %w", err)
	}
	if next == 0 {
		next = us
	}
	for _, s := range []struct {
		text string
		args []any
	}{
		{`UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE subject = $2 AND content IS NOT NULL AND at >= $3 AND at < $4
			AND kind LIKE 'loan.%' AND kind <> 'loan.erased'`, []any{us, l.Asset, micros(l.HandedAt), next}},
		{"DELETE FROM med_written WHERE loan = $1", []any{loan}},
		{`UPDATE lon_loan SET request = '', person = '', device = '', purpose = '', handed_by = '', back_by = '', done_by = '', check_note = '', erased_at = $1
			WHERE id = $2`, []any{us, loan}},
	} {
		if err := t.exec(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}
