package story

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/testkit/pg"
)

// TestPostgresOnAFullDisk fills the disks of the database server itself. (With SQLite
// the database lies in the data folder, whose disk the story 20-disk-full fills.)
func TestPostgresOnAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: needs PostgreSQL")
	}
	if !canMount() {
		t.Skip("small disks can be mounted by root on Linux alone")
	}
	p := play(t, "postgres")
	p.Dir = "testdata/disk"
	setUp := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Values[pressedKey{}] = &pressed{}
		return setUp(e)
	}
	for name, cmd := range map[string]func(*pressed, *testscript.TestScript, []string) error{
		"smalldatabase": (*pressed).smallDatabase, "reportsome": (*pressed).reportSome, "reportuntilfull": (*pressed).reportUntilFull, "allkept": (*pressed).allKept,
	} {
		p.Cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s cannot be expected to fail", name)
			}
			ts.Check(cmd(ts.Value(pressedKey{}).(*pressed), ts, args))
		}
	}
	testscript.Run(t, p)
}

// pressed is what a script has sent, answered or refused.
type pressed struct{ all []sending }

// pressedKey finds the pressed of a script.
type pressedKey struct{}

// How many reports: a database takes some into the room that it has set aside, and
// several refusals are looked at.
const (
	fewReports   = 4
	mostReports  = 3000
	fullRefusals = 5
)

// smallDatabase: smalldatabase gives the script a PostgreSQL server of its own on two
// small disks, which $TABLES and $LOG name.
func (*pressed) smallDatabase(ts *testscript.TestScript, _ []string) error {
	s := stageOf(ts)
	s.cluster = pg.StartSmall(s.t)
	ts.Setenv("TABLES", s.cluster.TableDisk())
	ts.Setenv("LOG", s.cluster.LogDisk())
	return os.WriteFile(ts.MkAbs("database"), []byte(s.cluster.URL()+"\n"), 0o600)
}

// reportSome: reportsome TOKENFILE sends a few reports, which must be answered.
func (p *pressed) reportSome(ts *testscript.TestScript, args []string) error {
	c, err := clientOf(ts, args[0])
	if err != nil {
		return err
	}
	for range fewReports {
		status, code, err := p.send(c)
		if err != nil || status != http.StatusCreated {
			return fmt.Errorf("a report was answered %d %q (%w)", status, code, err)
		}
	}
	return nil
}

// reportUntilFull: reportuntilfull TOKENFILE CODE… sends reports until some are refused,
// which must be with 503 and one of the codes.
func (p *pressed) reportUntilFull(ts *testscript.TestScript, args []string) error {
	c, err := clientOf(ts, args[0])
	if err != nil {
		return err
	}
	refused := map[string]int{}
	for n := 0; refused["all"] < fullRefusals; n++ {
		if n > mostReports {
			return fmt.Errorf("%d reports were answered: the disk is not full", n)
		}
		status, code, err := p.send(c)
		if err != nil {
			return err
		}
		if status == http.StatusCreated {
			continue
		}
		if status != http.StatusServiceUnavailable || !slices.Contains(args[1:], code) {
			return fmt.Errorf("a report was refused with %d %q, want 503 and one of %q", status, code, args[1:])
		}
		refused[code]++
		refused["all"]++
	}
	ts.Logf("%d reports sent, refused: %v", len(p.all), refused)
	return nil
}

// allKept: allkept TOKENFILE sends every report again with its key. What was answered
// gets its number again, what was refused gets one, and each is stored once.
func (p *pressed) allKept(ts *testscript.TestScript, args []string) error {
	c, err := clientOf(ts, args[0])
	if err != nil {
		return err
	}
	for i := range p.all {
		r := &p.all[i]
		label, err := c.until(&sending{Key: r.Key, Summary: r.Summary})
		if err != nil {
			return err
		}
		if r.Label != "" && r.Label != label {
			return fmt.Errorf("key %s was answered %s, then %s", r.Key, r.Label, label)
		}
		r.Label = label
	}
	there, err := c.stored()
	if err != nil {
		return err
	}
	for _, r := range p.all {
		if there[r.Label] != r.Summary {
			return fmt.Errorf("%s is %q, and %q was answered with it", r.Label, there[r.Label], r.Summary)
		}
	}
	if len(there) != len(p.all) {
		return fmt.Errorf("%d reports are stored and %d were sent", len(there), len(p.all))
	}
	return nil
}

func clientOf(ts *testscript.TestScript, tokenFile string) (*client, error) {
	token := strings.TrimSpace(ts.ReadFile(tokenFile))
	if token == "" {
		return nil, errors.New("the token file is empty")
	}
	return &client{url: ts.Getenv("URL"), token: token, http: &http.Client{Timeout: 30 * time.Second}}, nil
}

// send sends one more report, once. It keeps the number when that is the answer, and
// returns the problem's code otherwise.
func (p *pressed) send(c *client) (status int, code string, err error) {
	r := sending{Key: fmt.Sprintf("full-%d", len(p.all)), Summary: fmt.Sprintf("宛先の違う封筒 %d", len(p.all))}
	body, err := json.Marshal(map[string]string{"kind": "missent", "summary": r.Summary}) // as client.until does
	if err != nil {
		return 0, "", err
	}
	status, answer, err := c.do("POST", "/api/v1/incidents", body, r.Key)
	if err != nil {
		return 0, "", fmt.Errorf("report %s got no answer: %w", r.Key, err)
	}
	var said struct{ Label, Code string }
	if err := json.Unmarshal(answer, &said); err != nil {
		return 0, "", fmt.Errorf("report %s was answered %d %s: %w", r.Key, status, answer, err)
	}
	r.Label = said.Label
	p.all = append(p.all, r)
	return status, said.Code, nil
}
