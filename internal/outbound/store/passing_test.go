package store_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sekimori/internal/outbound/store"
)

// copied are the tables that go into a copy, each with why what it holds may: "" where there
// is no secret in it. Whoever adds a table decides here, or in store.Passing.
func copied() map[string]string {
	return map[string]string{
		"acc_account":    "argon2id hashes: without them nobody gets in after a restore",
		"acc_invitation": "hashes of 128 random bits: who holds a slip can still use it",
		"acc_passkey":    "public keys",
		"acc_token":      "hashes of 256 random bits",
		"api_reply":      "replies whose secrets were taken out (see redact)",
		"dev_challenge":  "hashes of what an isolated PC shows; the code is worked out from dev_device",
		"dev_device":     "release secrets sealed under device-keys.json",
		"dev_token":      "hashes of 256 random bits",
		"dir_contact":    "addresses sealed under contact-keys.json",
		"inc_code":       "keyed hashes: nothing without keys/codes.key",
		"inc_mail":       "keyed hashes",
		"meta":           "names of keys, no key",
		"ntc_letter":     "the secret of a link is worked out from its id with keys/link.key",
		"out_message":    "mails of the demo",

		"acc_state": "", "ast_asset": "", "ast_photo": "", "dev_evidence": "", "dev_fact": "", "dev_heard": "", "dev_infection": "", "dev_order": "",
		"dir_absence": "", "dir_department": "", "dir_deputy": "", "dir_duty": "", "dir_person": "", "dir_state": "",
		"inc_box": "", "inc_box_day": "", "inc_counter": "", "inc_entry": "", "inc_evidence": "", "inc_incident": "", "inc_lesson": "", "inc_read": "",
		"inc_relation": "", "inc_steps": "", "jrn_checkpoint": "", "jrn_event": "", "jrn_head": "", "jrn_node": "", "lon_counter": "", "lon_loan": "",
		"med_attempt": "", "med_draft": "", "med_policy": "", "med_registration": "", "med_written": "", "ntc_attempt": "", "ntc_day_off": "",
		"ntc_policy": "", "ntc_roster": "", "ntc_told": "", "ntc_track": "", "ntc_turn": "", "req_asked": "", "req_chain": "", "req_counter": "",
		"req_request": "", "req_word": "", "stk_counter": "", "stk_item": "", "stk_seal": "", "stk_sighting": "", "stk_take": "", "tko_approver": "", "tko_counter": "", "tko_manifest": "", "tko_pass": "",
	}
}

// Every table is either copied, and known to be, or left out as passing.
func TestEveryTableIsDecided(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := store.Open(t.Context(), file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var goes []string
	err = db.Snapshot(t.Context(), func(s *store.Snapshot) error {
		tables, err := s.Tables(t.Context())
		for _, table := range tables {
			goes = append(goes, table.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	passing := 0
	for _, name := range tableNames(t, file) {
		_, decided := copied()[name]
		if store.Passing(name) {
			passing++
		}
		if decided == store.Passing(name) {
			t.Errorf("%s: decide whether it goes into copies, in one place", name)
		}
		if decided != slices.Contains(goes, name) {
			t.Errorf("%s is copied: %v", name, !decided)
		}
	}
	if passing != 6 {
		t.Errorf("%d passing tables are there, want 6", passing)
	}
}

func tableNames(t *testing.T, file string) (names []string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "goose_") && !strings.HasPrefix(name, "sqlite_") {
			names = append(names, name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}
