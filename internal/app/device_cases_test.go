package app

import (
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/pg"
)

// onBoth runs f with servers of each kind of database; two on one PostgreSQL, which share a
// folder, and the same one twice on SQLite.
func onBoth(t *testing.T, f func(t *testing.T, one, other *house)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			env := map[string]string{"SEKIMORI_DATA": dir}
			if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
				t.Fatal(err)
			}
			if engine == "postgres" {
				env["SEKIMORI_DATABASE_FILE"] = filepath.Join(dir, "database")
				if err := os.WriteFile(env["SEKIMORI_DATABASE_FILE"], []byte(pg.URL(t)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := LoadConfig("", func(k string) string { return env[k] })
			if err != nil {
				t.Fatal(err)
			}
			server := func() *house {
				h, err := open(t.Context(), cfg, slog.New(slog.DiscardHandler), access.Cost{Memory: 64, Time: 1})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { h.close() })
				return h
			}
			one := server()
			if err := one.firstPerson(t.Context(), "管理", "太郎", "admin@kaku.example", "a long password"); err != nil {
				t.Fatal(err)
			}
			other := one
			if engine == "postgres" {
				other = server()
			}
			f(t, one, other)
		})
	}
}

func casesOf(h *house) cases {
	return cases{incidents: h.incidents, people: h.people, catalogue: h.catalogue, now: h.now}
}

// pcOf is the actor as which a PC of the person reports.
func pcOf(person string) access.Actor {
	return access.Actor{Person: person, Via: access.ByDevice, Scopes: []access.Permission{access.Report}}
}

// A PC whose report was stored and never answered repeats it, by another name and to
// another server: it is the same case, and what was told stands in it once.
func TestReportOfARenamedPC(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *house) {
		by := pcOf(personOf(t, one))
		for _, in := range []wire.Infection{
			{Key: "dev_1:rep_1", Local: 1, Note: "赤い画面", User: "u"},
			{Key: "dev_1:rep_2", Local: 2},
			{Key: "dev_2:rep_1", Local: 1, Note: "赤い画面", User: "u"}, // another PC's
		} {
			first, _, err := casesOf(one).ReportInfection(t.Context(), by, in, device.Device{Person: by.Person, Name: "PC-0001"})
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := casesOf(other).ReportInfection(t.Context(), by, in, device.Device{Person: by.Person, Name: "PC-改名"})
			if err != nil || again != first {
				t.Errorf("%s again: case %q, %v; want %q", in.Key, again, err, first)
			}
			c, err := other.incidents.Case(t.Context(), access.System(), first)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Entries) != 1 || c.Entries[0].Type != incident.Fact || !strings.Contains(c.Entries[0].Text, in.Note) {
				t.Errorf("%s: entries %+v", in.Key, c.Entries)
			}
		}
	})
}

// gate is a file that all who send it read at the same time.
type gate struct {
	all  *sync.WaitGroup
	once sync.Once
	io.Reader
}

// Read waits for the others first.
func (g *gate) Read(p []byte) (int, error) {
	g.once.Do(func() { g.all.Done(); g.all.Wait() })
	return g.Reader.Read(p)
}

// One piece of evidence that comes to two servers at the same time is kept once.
func TestEvidenceOfAPCAtTwoServers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, other *house) {
		by := pcOf(personOf(t, one))
		of, _, err := casesOf(one).ReportInfection(t.Context(), by, wire.Infection{Key: "dev_1:rep_1", Local: 1}, device.Device{Person: by.Person, Name: "PC"})
		if err != nil {
			t.Fatal(err)
		}
		add := func(h *house, once string, body io.Reader) [32]byte {
			sum, size, err := casesOf(h).AddEvidence(t.Context(), by, of, device.File{Once: once, Name: "sockets.json", Media: "application/json", Body: body})
			if err != nil || size != 2 {
				t.Errorf("%d bytes, %v", size, err)
			}
			return sum
		}
		var both, done sync.WaitGroup
		both.Add(2)
		var sums [2][32]byte
		for n, h := range []*house{one, other} {
			done.Go(func() {
				sums[n] = add(h, "dev_1:rep_1:sockets.json", &gate{all: &both, Reader: strings.NewReader("{}")})
			})
		}
		done.Wait()
		later := add(other, "dev_1:rep_1:sockets.json", strings.NewReader("[]")) // it was answered already
		if sums[0] != sums[1] || later != sums[0] {
			t.Error("not the same file was given")
		}
		add(one, "dev_2:rep_1:sockets.json", strings.NewReader("{}")) // another PC's

		c, err := one.incidents.Case(t.Context(), access.System(), of)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Evidence) != 2 {
			t.Errorf("files %+v", c.Evidence)
		}
		events, err := one.db.History(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range events {
			if e.Kind == "incident.evidence_added" {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%d of events", n)
		}
		left := 0
		err = filepath.WalkDir(one.cfg.Data, func(path string, d fs.DirEntry, err error) error {
			if strings.HasPrefix(d.Name(), "evd_") {
				left++
			}
			return err
		})
		if err != nil || left != 2 {
			t.Errorf("%d files on disk, %v", left, err)
		}
	})
}
