package yardstick_test

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/test/load/yardstick"
)

// A yardstick that stored less than it answered would make every ratio worthless.
func TestEveryAnswerIsARow(t *testing.T) {
	t.Parallel()
	for name, gather := range map[string]time.Duration{"one commit each": 0, "group commit": 5 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "bare.db")
			h, end, err := yardstick.New(t.Context(), yardstick.Options{DSN: file, Gather: gather})
			if err != nil {
				t.Fatal(err)
			}
			const reports = 50
			var wg sync.WaitGroup
			for range reports {
				wg.Go(func() {
					w := httptest.NewRecorder()
					h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/incidents", strings.NewReader(`{"kind":"lost","summary":"USBメモリをなくしました"}`)))
					if w.Code != http.StatusCreated {
						t.Errorf("answered %d: %s", w.Code, w.Body)
					}
				})
			}
			wg.Wait()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/incidents", strings.NewReader(`{"kind":`)))
			if w.Code != http.StatusBadRequest {
				t.Errorf("half a report answered %d", w.Code)
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", file)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			n := 0
			if err := db.QueryRow("SELECT count(*) FROM bare WHERE summary = 'USBメモリをなくしました'").Scan(&n); err != nil || n != reports {
				t.Errorf("%d rows, %v; want %d", n, err, reports)
			}
		})
	}
}
