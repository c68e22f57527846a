package story

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/testkit/pg"
	"sekimori/internal/testkit/smtpd"
)

// patience is how long a script waits for something that must happen.
const patience = 30 * time.Second

// stage is what one script plays on.
type stage struct {
	dir      string
	t        *testing.T
	mail     *smtpd.Server
	server   process
	other    process // a second one on the same database
	cluster  *pg.Cluster
	browsers map[string]*browser
	who      string // who is at the browser now

	receivers map[string]*receiver // what contacts lead to
	devices   map[string]*device
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	plain := func(f func(*stage, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			err := f(stageOf(ts), ts, args)
			if neg && err == nil {
				ts.Fatalf("succeeded, and should not have")
			}
			if !neg {
				ts.Check(err)
			}
		}
	}
	return map[string]func(*testscript.TestScript, bool, []string){
		"server":    plain((*stage).serverCmd),
		"company":   plain((*stage).company),
		"receiver":  plain((*stage).receiverCmd),
		"code":      plain((*stage).codeCmd),
		"smtp":      plain((*stage).smtp),
		"clock":     plain((*stage).clock),
		"moment":    plain((*stage).moment),
		"answers":   plain((*stage).answers),
		"arrives":   plain((*stage).arrives),
		"leaves":    plain((*stage).leaves),
		"as":        plain((*stage).as),
		"get":       plain((*stage).get),
		"post":      plain((*stage).post),
		"press":     plain((*stage).press),
		"upload":    plain((*stage).upload),
		"page":      plain((*stage).page),
		"mails":     plain((*stage).mails),
		"letter":    plain((*stage).letter),
		"until":     plain((*stage).until),
		"droplines": plain((*stage).dropLines),
		"headlines": plain((*stage).headLines),
		"grep-in":   plain((*stage).grepIn),
		"tokenfile": plain((*stage).tokenFile),
		"keep":      plain((*stage).keep),
		"demo":      plain((*stage).demo),
		"edit":      plain((*stage).edit),
		"smalldisk": plain((*stage).smallDisk),
		"filldisk":  plain((*stage).fillDisk),
		"makeroom":  plain((*stage).makeRoom),
		"database":  plain((*stage).database),
		"other":     plain((*stage).otherCmd),
		"look":      plain((*stage).look),
		"call":      plain((*stage).call),
		"find":      plain((*stage).findOnPage),
		"sjis":      plain((*stage).sjis),
		"fresh":     plain((*stage).freshBrowser),
		"storm":     plain((*stage).storm),
		"work":      plain((*stage).work),
		"intake":    plain((*stage).intake),
		"foreign":   plain((*stage).foreign),
		"flood":     plain((*stage).flood),
		"guess":     plain((*stage).guess),
		"squeeze":   plain((*stage).squeeze),
		"morning":   plain((*stage).morning),
		"workday":   plain((*stage).workday),
		"attached":  plain((*stage).attached),
		"passkey":   plain((*stage).passkey),
		"cookie":    plain((*stage).cookie),
		"draw":      plain((*stage).drawLabel),
		"put":       plain((*stage).put),
		"large":     plain((*stage).large),
		"busy":      plain((*stage).busy),
		"killwhen":  plain((*stage).killWhen),
		"flip":      plain((*stage).flip),
		"emptydb":   plain((*stage).emptyDatabase),
		"allthere":  plain((*stage).allThere),
		"tables":    plain((*stage).tables),
		"box":       plain((*stage).box),
		"alone":     plain((*stage).alone),
	}
}

// freePort finds one below those that the system gives to outgoing connections, so that
// no connection of another test takes it while a server is down.
func freePort() (string, error) {
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		ln, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			return port, ln.Close()
		}
	}
	return "", errors.New("no free port between 20000 and 32000")
}

// process is the running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (p *process) kill() {
	if p.cmd != nil {
		p.cmd.Process.Signal(syscall.SIGKILL)
		<-p.done
		p.cmd = nil
	}
}

// serverCmd: server start | stop | kill. Start waits until it is ready.
func (s *stage) serverCmd(ts *testscript.TestScript, args []string) error {
	switch args[0] {
	case "start":
		return s.startServer(ts, args[1:])
	case "kill":
		s.server.kill()
		return nil
	case "stop":
		if s.server.cmd == nil {
			return errors.New("no server runs")
		}
		s.server.cmd.Process.Signal(os.Interrupt)
		select {
		case <-s.server.done:
		case <-time.After(patience):
			return errors.New("server did not stop")
		}
		code := s.server.cmd.ProcessState.ExitCode()
		s.server.cmd = nil
		if code != 0 {
			return fmt.Errorf("server ended with %d:\n%s", code, s.log())
		}
		return nil
	}
	return fmt.Errorf("unknown: server %s", args[0])
}

func (s *stage) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if len(b) > 4000 {
		b = b[len(b)-4000:]
	}
	return string(b)
}

func (s *stage) startServer(ts *testscript.TestScript, extra []string) error {
	var err error
	s.server, err = s.launch(ts, ts.Getenv("URL"), environ(ts), extra)
	return err
}

// launch starts a server and waits until it is ready at url.
func (s *stage) launch(ts *testscript.TestScript, url string, env, extra []string) (process, error) {
	self, err := exec.LookPath(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "sekimori"))
	if err != nil {
		return process{}, err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	cmd := exec.Command(self, append([]string{"serve", "--config", filepath.Join(s.dir, "srv", "sekimori.toml")}, extra...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, log, log, env
	if err := cmd.Start(); err != nil {
		return process{}, err
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	p := process{cmd, done}
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		select {
		case <-done:
			return process{}, fmt.Errorf("server ended at once:\n%s", s.log())
		case <-time.After(30 * time.Millisecond):
		}
		r, err := http.Get(url + "/readyz")
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return p, nil
			}
		}
	}
	p.kill()
	return process{}, fmt.Errorf("server is not ready:\n%s", s.log())
}

// environ is the script's environment for a process of its own.
func environ(ts *testscript.TestScript) []string {
	var out []string
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "LANG", "STORY_CLOCK", "SEKIMORI_DATABASE_FILE", "SEKIMORI_LISTEN", "SEKIMORI_MAIL_HOST",
		"SEKIMORI_MAIL_PORT", "SEKIMORI_MAIL_MODE", "SEKIMORI_MAIL_USER", "SEKIMORI_MAIL_PASSWORD_FILE", "SEKIMORI_MAIL_CA_FILE",
		"SEKIMORI_MAIL_FROM", "SEKIMORI_HOOKS_ALLOW", "SEKIMORI_WATCHDOG_WEBHOOK_FILE", "SEKIMORI_WATCHDOG_KEY_FILE", "SEKIMORI_WATCHDOG_PING_FILE", "SEKIMORI_HOOKS_OFF", "SEKIMORI_PUSH_OFF", "SEKIMORI_BASE_URL", "SEKIMORI_URL", "SEKIMORI_TOKEN_FILE", "SEKIMORI_LIMITS_FILE_MB", "SEKIMORI_JOURNAL_CHECKPOINT_DIR", "SEKIMORI_JOURNAL_CHECKPOINT_MAIL", "SEKIMORI_SIGNIN_CONFIRM_LINKS", "SEKIMORI_LIMITS_RETENTION_DAYS"} {
		if v := ts.Getenv(k); v != "" {
			out = append(out, k+"="+v)
		}
	}
	return out
}

// run runs the program and gives what it printed.
func (s *stage) run(ts *testscript.TestScript, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "sekimori"), args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, &out, &errs, environ(ts)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("sekimori %s: %w\n%s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
}

var initWords = regexp.MustCompile(`(?m)^(login|password|journal) +(\S+)`)

// company makes a server with people and accounts, and starts it. Passwords are all
// "story-password". The people are those of testdata/people.csv.
func (s *stage) company(ts *testscript.TestScript, _ []string) error {
	out, err := s.run(ts, "init", "--dir", filepath.Join(s.dir, "srv"), "--company", "架空商事株式会社", "--admin-name", "管理 太郎", "--admin-email", "admin@kaku.example")
	if err != nil {
		return err
	}
	said := map[string]string{}
	for _, m := range initWords.FindAllStringSubmatch(out, -1) {
		said[m[1]] = m[2]
	}
	if err := os.WriteFile(filepath.Join(s.dir, "journal.pub"), []byte(said["journal"]+"\n"), 0o600); err != nil {
		return err
	}
	if err := s.startServer(ts, nil); err != nil {
		return err
	}
	if err := s.token(ts, "0001"); err != nil {
		return err
	}
	data, err := filepath.Abs("testdata")
	if err != nil {
		return err
	}
	for _, f := range []string{"departments-first.csv", "people.csv", "departments.csv"} {
		if _, err := s.run(ts, "people", "import", filepath.Join(data, "company", f), "--apply"); err != nil {
			return err
		}
	}
	if err := s.accounts(ts, said["login"], said["password"]); err != nil {
		return err
	}
	if err := s.aroundTheClock(ts); err != nil {
		return err
	}
	return s.token(ts, "1402")
}

// aroundTheClock gives the company no working hours, so that a story is the same at any
// hour; but for one that chose its hour itself (workday).
func (s *stage) aroundTheClock(ts *testscript.TestScript) error {
	if offset(filepath.Join(s.dir, "clock")) != 0 {
		return nil
	}
	if err := s.as(ts, []string{"1402"}); err != nil {
		return err
	}
	if err := s.get(ts, []string{"/settings/policy/terms"}); err != nil {
		return err
	}
	if err := s.press(ts, []string{"/settings/policy/terms", "hours.from=", "hours.to=", "reason=24時間365日"}); err != nil {
		return err
	}
	if err := s.page(ts, []string{"200", "/settings/policy"}); err != nil {
		return err
	}
	delete(s.browsers, "1402") // the story's own begins when the story has it sign in
	s.who = ""
	return nil
}

// token puts a token of a person where the command line looks for it.
func (s *stage) token(ts *testscript.TestScript, number string) error {
	out, err := s.run(ts, "token", "create", "--config", filepath.Join(s.dir, "srv", "sekimori.toml"), "--person", number, "--name", "story",
		"--scopes", "directory:read,directory:edit,journal:read", "--days", "60")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "token"), []byte(lastWord(out)+"\n"), 0o600)
}

func lastWord(s string) string {
	f := strings.Fields(s)
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

// smtp: smtp stop | start | refuse ADDRESS | unknown ADDRESS | accept; what is refused is the mail, what is unknown the mailbox
func (s *stage) smtp(_ *testscript.TestScript, args []string) error {
	switch args[0] {
	case "stop":
		s.mail.Stop()
	case "start":
		s.mail.Restart()
	case "refuse":
		s.mail.SetFail(func(_ string, to []string) error {
			for _, a := range to {
				if a == args[1] {
					return smtpd.Refuse(550, "no such mailbox")
				}
			}
			return nil
		})
	case "unknown":
		s.mail.SetUnknown(args[1:]...)
	case "accept":
		s.mail.SetFail(nil)
		s.mail.SetUnknown()
	}
	return nil
}

// clock: clock +10m moves the machine's clock of the program, clock -24h sets it back.
func (s *stage) clock(_ *testscript.TestScript, args []string) error {
	d, err := time.ParseDuration(strings.TrimPrefix(args[0], "+"))
	if err != nil {
		return err
	}
	d += offset(filepath.Join(s.dir, "clock"))
	tmp := filepath.Join(s.dir, "clock.new")
	if err := os.WriteFile(tmp, []byte(d.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.dir, "clock"))
}

// mails: mails more N waits for N mails or more; mails N [TO] waits until N mails (to TO) have come, and not one more within a
// moment; all of them are written to mails.txt.
func (s *stage) mails(_ *testscript.TestScript, args []string) error {
	if args[0] == "more" {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return s.moreMails(n)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	to := ""
	if len(args) > 1 {
		to = args[1]
	}
	deadline := time.Now().Add(patience)
	for len(s.mailsTo(to)) < n && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	got := s.mailsTo(to)
	var b strings.Builder
	for _, m := range got {
		fmt.Fprintf(&b, "To: %s\nSubject: %s\n\n%s\n\n", strings.Join(m.To, ","), m.Subject, m.Text)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "mails.txt"), []byte(b.String()), 0o600); err != nil {
		return err
	}
	if len(got) != n {
		return fmt.Errorf("%d mails to %q, want %d:\n%s\n%s", len(got), to, n, b.String(), s.log())
	}
	return nil
}

func (s *stage) mailsTo(to string) []smtpd.Message {
	var out []smtpd.Message
	for _, m := range s.mail.Messages() {
		if to == "" || strings.Contains(strings.Join(m.To, ","), to) {
			out = append(out, m)
		}
	}
	return out
}

var link = regexp.MustCompile(`https?://\S+/(?:[aq]|invite|take-outs/[^/]+/late)/\S+`)

// letter: letter TO writes the newest mail to TO to letter.txt and its link to $LINK.
func (s *stage) letter(ts *testscript.TestScript, args []string) error {
	got := s.mailsTo(args[0])
	if len(got) == 0 {
		return fmt.Errorf("no mail to %s", args[0])
	}
	m := got[len(got)-1]
	if err := os.WriteFile(filepath.Join(s.dir, "letter.txt"), []byte("Subject: "+m.Subject+"\n\n"+m.Text), 0o600); err != nil {
		return err
	}
	ts.Setenv("LINK", strings.TrimPrefix(link.FindString(m.Text), ts.Getenv("URL")))
	return nil
}

// edit: edit FILE OLD NEW replaces the first OLD in a file; OLD must be there.
func (s *stage) edit(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	if !bytes.Contains(b, []byte(args[1])) {
		return fmt.Errorf("%s does not hold %q", args[0], args[1])
	}
	return os.WriteFile(ts.MkAbs(args[0]), bytes.Replace(b, []byte(args[1]), []byte(args[2]), 1), 0o600)
}
