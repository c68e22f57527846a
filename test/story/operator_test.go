package story

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/testkit/pg"
)

// busy: busy TOKENFILE ARGS… runs the program while somebody reports without a pause. The
// numbers that were given before it began are written to before.txt, one a line.
func (s *stage) busy(ts *testscript.TestScript, args []string) error {
	c, err := clientOf(ts, args[0])
	if err != nil {
		return err
	}
	var before strings.Builder
	for n := range 5 {
		r := sending{Key: fmt.Sprintf("before-%d", n), Summary: "写しを取る前の報告"}
		label, err := c.until(&r)
		if err != nil {
			return err
		}
		before.WriteString(label + "\n")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { c.err = c.run(0, stop) })
	time.Sleep(100 * time.Millisecond) // it has begun
	_, err = s.run(ts, args[1:]...)
	close(stop)
	wg.Wait()
	if err = errors.Join(err, c.err); err != nil {
		return err
	}
	if len(c.sent) == 0 {
		return errors.New("nobody reported meanwhile")
	}
	return os.WriteFile(ts.MkAbs("before.txt"), []byte(before.String()), 0o600)
}

// killWhen: killwhen PATTERN ARGS… runs the program and kills it as soon as a file of that
// pattern is there, which must be before it ends by itself.
func (s *stage) killWhen(ts *testscript.TestScript, args []string) error {
	cmd := exec.Command(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "sekimori"), args[1:]...)
	cmd.Dir, cmd.Env = s.dir, environ(ts)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if found, err := filepath.Glob(ts.MkAbs(args[0])); err != nil || len(found) == 0 {
			continue
		}
		cmd.Process.Signal(syscall.SIGKILL)
		<-ended
		if cmd.ProcessState.Exited() {
			return errors.New("it ended before it was killed")
		}
		return nil
	}
	cmd.Process.Signal(syscall.SIGKILL)
	<-ended
	return fmt.Errorf("no file %s came to be", args[0])
}

// flip: flip IN OUT PERCENT changes one bit of the byte that lies that far into a file.
func (s *stage) flip(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	percent, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	b[(len(b)-1)*percent/100] ^= 4
	return os.WriteFile(ts.MkAbs(args[1]), b, 0o600)
}

// emptyDatabase: emptydb FILE writes the URL of a new PostgreSQL database into it.
func (s *stage) emptyDatabase(ts *testscript.TestScript, args []string) error {
	return os.WriteFile(ts.MkAbs(args[0]), []byte(pg.URL(s.t)+"\n"), 0o600)
}

// allThere: allthere TOKENFILE FILE wants the server to know every number of a file.
func (s *stage) allThere(ts *testscript.TestScript, args []string) error {
	c, err := clientOf(ts, args[0])
	if err != nil {
		return err
	}
	there, err := c.stored()
	if err != nil {
		return err
	}
	labels := strings.Fields(ts.ReadFile(args[1]))
	if len(labels) == 0 {
		return errors.New("no numbers to look for")
	}
	for _, label := range labels {
		if there[label] == "" {
			return fmt.Errorf("%s is not there among %d", label, len(there))
		}
	}
	return nil
}
