package pgcluster

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// folderPrefix starts the name of every cluster folder; the owner's process id follows.
const folderPrefix = "sekimori-pg-"

// process is one running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended and was waited for
}

// startProcess starts cmd with its output appended to the file logPath.
//
// Linux sends the parent-death signal when the starting *thread* ends, not the
// process, so one goroutine keeps its thread for as long as the server lives.
func startProcess(cmd *exec.Cmd, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the server log: %w", err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr, err = serverAttr(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		log.Close() // the child has its own descriptor
		started <- err
		if err == nil {
			cmd.Wait() // how it ended is in the log
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal asks the server to end; where the system has no such signal it is killed.
func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		p.kill()
	}
}
