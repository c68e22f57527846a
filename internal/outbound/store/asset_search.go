package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/domain/asset"
)

// Bounds of a search by what the database knows of two and three characters in a row.
const (
	gramLength = 3    // of a word of two characters, 2
	maxGrams   = 64   // of one search; more would choose no better
	fewThings  = 1000 // so many are looked at one by one; words of more are soon met in the order of the numbers
)

// narrowed gives the numbers of the things among which all that a search finds are; ok is
// false when there are too many of these, or the words are too short to tell. The search
// itself still looks at each: this says only where to look.
func (db *DB) narrowed(ctx context.Context, q asset.Query) (numbers []string, ok bool, err error) {
	var plain []string // of words that mean nobody: a thing must hold all of these
	for _, w := range q.Words {
		if len(w.People) == 0 {
			plain = append(plain, grams(w.Text)...)
		}
	}
	if len(plain) > 0 {
		if numbers, ok, err = db.holding(ctx, plain, q.After); ok || err != nil {
			return numbers, ok, err
		}
	}
	for _, w := range q.Words { // else one word that a thing holds, or whose keeper it means
		g := grams(w.Text)
		if len(w.People) == 0 || len(g) == 0 {
			continue
		}
		kept, ok, err := db.few(ctx, "SELECT number FROM ast_asset WHERE number > $1 AND keeper IN ("+marks(2, len(padded(w.People)))+")", append([]any{q.After}, padded(w.People)...))
		if err != nil {
			return nil, false, err
		}
		if !ok {
			continue
		}
		if numbers, ok, err = db.holding(ctx, g, q.After); ok || err != nil {
			return append(numbers, kept...), ok, err
		}
	}
	return nil, false, nil
}

// holding gives the numbers of the things that hold all of some grams; ok is false when
// there are many.
func (db *DB) holding(ctx context.Context, grams []string, after string) (numbers []string, ok bool, err error) {
	text, arg := db.d.holding(grams[:min(len(grams), maxGrams)])
	return db.few(ctx, text+" AND x.number > $2", []any{arg, after})
}

func (db *DB) few(ctx context.Context, query string, args []any) (numbers []string, ok bool, err error) {
	numbers, err = all(ctx, db.read, scanText, query+" LIMIT "+strconv.Itoa(fewThings+1), args...)
	return numbers, err == nil && len(numbers) <= fewThings, err
}

// grams gives threes of characters that cover a word, or the two of a short one; none of
// a word of one, or of one that no kept text holds.
func grams(word string) []string {
	r := []rune(word)
	if len(r) < gramLength-1 || !utf8.ValidString(word) || strings.ContainsFunc(word, unicode.IsControl) {
		return nil
	}
	var out []string
	for ; len(r) > gramLength; r = r[min(gramLength, len(r)-gramLength):] {
		out = append(out, string(r[:gramLength]))
	}
	return append(out, string(r))
}

// pairMark stands between two characters that SQLite is to find as three; the view
// ast_gram_text writes it.
const pairMark = '\x1f'

// holding gives the query for the things, as x, that hold all of some grams.
func (d dialect) holding(grams []string) (text string, arg any) {
	if d.name == "sqlite" {
		quoted := make([]string, len(grams))
		for i, g := range grams {
			if r := []rune(g); len(r) < gramLength {
				g = string([]rune{r[0], pairMark, r[1]})
			}
			quoted[i] = `"` + strings.ReplaceAll(g, `"`, `""`) + `"`
		}
		return "SELECT x.number FROM ast_gram CROSS JOIN ast_asset x ON x.row = ast_gram.rowid WHERE ast_gram MATCH $1", strings.Join(quoted, " AND ")
	}
	// No gram holds a line break.
	return `SELECT x.number FROM ast_asset x WHERE ast_grams(x.search) @> string_to_array($1, chr(10))`, strings.Join(grams, "\n")
}

// among gives the condition that a thing, x, has one of some numbers, in one argument:
// SQLite takes as long to bind a thousand as to search.
func (d dialect) among(numbers []string) (cond string, arg any) {
	if d.name == "sqlite" {
		list, _ := json.Marshal(numbers) // of texts, never fails
		return "x.number IN (SELECT value FROM json_each(?))", string(list)
	}
	return "x.number = ANY (string_to_array(?, chr(10)))", strings.Join(numbers, "\n")
}
