package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"sekimori/internal/testkit/netns"
)

// Programs are the real ones: each the beginning of a command line.
type Programs struct{ Server, Agent []string }

// Build makes the real programs in dir. It must be called inside the module.
func Build(ctx context.Context, dir string) (Programs, error) {
	p := Programs{Server: []string{filepath.Join(dir, "sekimori")}, Agent: []string{filepath.Join(dir, "sekimori-agent")}}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), "sekimori/cmd/sekimori", "sekimori/cmd/sekimori-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return p, nil
}

// process is a program that runs.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// launch starts a program, inside a machine unless that is nil, and adds what it prints to log.
func launch(where *netns.Space, cmd *exec.Cmd, log string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, who then end it
	}
	if err := begin(where, cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func begin(where *netns.Space, cmd *exec.Cmd) error {
	if where == nil {
		return cmd.Start()
	}
	return where.Start(cmd)
}

// end ends the program at once; a nil process has ended.
func (p *process) end() {
	if p != nil {
		p.cmd.Process.Signal(syscall.SIGKILL)
		<-p.done
	}
}

// tail is the end of a log, for people.
func tail(log string) string {
	b, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-6000):])
}
