package story

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// moreMails waits until at least n mails have come; how many exactly depends on when
// the program was killed.
func (s *stage) moreMails(n int) error {
	deadline := time.Now().Add(patience)
	for len(s.mailsTo("")) < n {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d mails, want at least %d", len(s.mailsTo("")), n)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// dropLines: droplines IN OUT TEXT leaves out the lines that hold the text.
func (s *stage) dropLines(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	var out []byte
	dropped := 0
	for line := range bytes.Lines(b) {
		if bytes.Contains(line, []byte(args[2])) {
			dropped++
			continue
		}
		out = append(out, line...)
	}
	if dropped == 0 {
		return fmt.Errorf("no line of %s holds %q", args[0], args[2])
	}
	return os.WriteFile(ts.MkAbs(args[1]), out, 0o600)
}

// headLines: headlines IN OUT N keeps the first N lines.
func (s *stage) headLines(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	return os.WriteFile(ts.MkAbs(args[1]), bytes.Join(lines[:min(n, len(lines))], nil), 0o600)
}

// grepIn: grep-in FOLDER TEXT finds a text in any file of a folder that has files.
func (s *stage) grepIn(ts *testscript.TestScript, args []string) error {
	files, found := 0, false
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(args[1]))
		return err
	})
	if err != nil || files == 0 {
		ts.Fatalf("look through %s: %d files, %v", args[0], files, err)
	}
	if !found {
		return errors.New("not found")
	}
	return nil
}

// tokenFile: tokenfile FILE keeps the secret that the last command printed.
func (s *stage) tokenFile(ts *testscript.TestScript, args []string) error {
	return os.WriteFile(ts.MkAbs(args[0]), []byte(lastWord(ts.ReadFile("stdout"))+"\n"), 0o600)
}

// keep puts what the last command printed into the variable NAME: what PATTERN finds,
// or the last word.
func (s *stage) keep(ts *testscript.TestScript, args []string) error {
	out := ts.ReadFile("stdout")
	word := lastWord(out)
	if len(args) > 1 {
		re, err := regexp.Compile(args[1])
		if err != nil {
			return err
		}
		word = re.FindString(out)
	}
	if word == "" {
		return fmt.Errorf("nothing to keep in %q", out)
	}
	ts.Setenv(args[0], word)
	return nil
}

// demo runs the demo until it answers, then interrupts it; what it printed goes to
// demo.txt.
func (s *stage) demo(ts *testscript.TestScript, _ []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd := exec.Command(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "sekimori"), "demo", "--listen", "127.0.0.1:"+port)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, &out, &out, append(environ(ts), "TMPDIR="+ts.Getenv("TMPDIR"))
	if err := cmd.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(2 * patience)
	for {
		r, err := http.Get("http://127.0.0.1:" + port + "/login")
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			return fmt.Errorf("the demo never answered:\n%s", &out)
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Signal(os.Interrupt)
	err = cmd.Wait()
	if err != nil {
		return fmt.Errorf("the demo ended badly: %w\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "127.0.0.1:"+port) {
		return fmt.Errorf("the demo did not print its address:\n%s", &out)
	}
	return os.WriteFile(filepath.Join(s.dir, "demo.txt"), out.Bytes(), 0o600)
}
