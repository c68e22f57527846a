// Package storetest holds a store to what the domain asks of it. The same tests run on
// both databases, so that no caller needs to know which one is behind.
package storetest

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/journal"
	"sekimori/internal/outbound/store"
)

// kanji is a text that only a database with full Unicode keeps: 𠮷 lies outside the
// Basic Multilingual Plane.
const kanji = "𠮷野家の髙橋 'a' \"b\" 100% _ \\ \t\n🚨"

// Run runs the whole suite. open gives an empty store of its own each time it is
// called, closed when the test ends.
func Run(t *testing.T, open func(t testing.TB) *store.DB) {
	for _, tt := range []struct {
		name string
		f    func(*testing.T, *store.DB)
	}{
		{"directory", testDirectory},
		{"directory/nothing by halves", testDirectoryUndone},
		{"contacts", testContacts},
		{"contacts/work", testContactsWork},
		{"meta", testMeta},
		{"accounts", testAccounts},
		{"invitations", testInvitations},
		{"passkeys", testPasskeys},
		{"proof at links", testProofWanted},
		{"sessions", testSessions},
		{"tokens", testTokens},
		{"misses", testMisses},
		{"identity", testIdentity},
		{"incidents", testIncidents},
		{"entries", testEntries},
		{"evidence", testEvidence},
		{"steps", testSteps},
		{"talk", testTalk},
		{"relations", testRelations},
		{"merged", testMerged},
		{"lessons", testLessons},
		{"numbers", testNumbers},
		{"expired", testExpired},
		{"find/filters", testFindFilters},
		{"find/scope", testFindScope},
		{"find/pages", testFindPages},
		{"find/text", testFindText},
		{"count", testCount},
		{"tracks", testTracks},
		{"attempts", testAttempts},
		{"claims", testClaims},
		{"turns", testTurns},
		{"days off", testDaysOff},
		{"due", testDue},
		{"policies", testPolicies},
		{"stats", testStats},
		{"requests/erased", testRequestsErased},
		{"letters/erased", testLettersErased},
		{"journal", testJournal},
		{"journal/erased", testErase},
		{"incidents/outside", testOutside},
		{"incidents/mails", testMails},
		{"incidents/box", testBox},
		{"outbox", testOutbox},
		{"rosters", testRosters},
		{"drills", testDrills},
		{"replies", testReplies},
		{"replies/race", testRepliesRace},
		{"devices", testDevices},
		{"devices/enrolments", testEnrolments},
		{"devices/enrol race", testEnrolRace},
		{"devices/orders", testDeviceOrders},
		{"devices/facts", testDeviceFacts},
		{"devices/codes", testChallenges},
		{"devices/reports", testInfections},
		{"devices/presence", testPresence},
		{"devices/find", testFindDevices},
		{"stock", testStock},
		{"stock/sightings", testStockSightings},
		{"stock/ledger", testStockLedger},
		{"stock/due", testStockDue},
		{"stock/numbers", testStockNumbers},
		{"requests", testRequests},
		{"requests/numbers", testRequestNumbers},
		{"requests/same key", testSameRequestKey},
		{"requests/words", testRequestWords},
		{"requests/chains", testRequestChains},
		{"requests/due", testRequestsDue},
		{"requests/find", testFindRequests},
		{"requests/unused", testUnusedApprovals},
		{"requests/approval", testApprovalUsedOnce},
		{"letters", testLetters},
		{"letters/claims", testLetterClaims},
		{"letters/claim race", testLetterClaimRace},
		{"assets", testAssets},
		{"assets/find", testFindAssets},
		{"assets/search", testSearchIndex},
		{"loans", testLoans},
		{"loans/numbers", testLoanNumbers},
		{"loans/erased", testLoansErased},
		{"media/erased", testMediaErased},
		{"stock/erased", testStockErased},
		{"passes", testPasses},
		{"passes/find", testFindPasses},
		{"passes/due", testPassesDue},
		{"passes/manifests", testManifests},
		{"passes/erased", testPassesErased},
		{"media", testMedia},
		{"media/policy", testGuardPolicy},
		{"hostile text", testHostileText},
		{"group commit", testGroupCommit},
		{"group commit/swallowed error", testSwallowed},
		{"group commit/same key", testSameKey},
		{"close", testClose},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.f(t, open(t))
		})
	}
}

// SQLite opens an empty store in a folder of the test's own.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, filepath.Join(t.TempDir(), "test.db"), store.Options{})
}

// Open opens a store and closes it when the test ends.
func Open(t testing.TB, dsn string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return db
}

// Seed writes a directory into an empty store.
func Seed(t testing.TB, db *store.DB, o *directory.Org) {
	t.Helper()
	err := db.UpdateDirectory(context.Background(), func(tx directory.Tx) error {
		var errs []error
		for _, d := range o.Departments {
			errs = append(errs, tx.SaveDepartment(t.Context(), d))
		}
		for _, p := range o.People {
			errs = append(errs, tx.SavePerson(t.Context(), p))
		}
		errs = append(errs, tx.ReplaceDuties(t.Context(), o.Duties))
		for _, d := range o.Deputies {
			errs = append(errs, tx.SaveDeputy(t.Context(), d))
		}
		for _, a := range o.Absences {
			errs = append(errs, tx.SaveAbsence(t.Context(), a))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatalf("seed directory: %v", err)
	}
	if len(o.Contacts) > 0 {
		seedContacts(t, db, o)
	}
}

// noon has microseconds, the finest that a store keeps.
func noon() time.Time { return directorytest.Noon().Add(123456 * time.Microsecond) }

// min gives a moment n minutes after noon.
func at(minutes int) time.Time { return noon().Add(time.Duration(minutes) * time.Minute) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// event makes an event on a subject.
func event(t testing.TB, when time.Time, kind, subject string, data any) journal.Event {
	t.Helper()
	e, err := journal.NewEvent(when, kind, subject, "per_emp", data)
	must(t, err)
	return e
}

var errNo = errors.New("refused by the caller")
