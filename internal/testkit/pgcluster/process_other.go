//go:build !linux

package pgcluster

import (
	"errors"
	"os"
	"syscall"
)

// Outside Linux there is no parent-death signal and nobody runs tests as root:
// the server is an ordinary child.

func serverAttr() (*syscall.SysProcAttr, error) { return nil, nil }

func giveToServerUser(string) error { return nil }

func removeOrphans() {}

func (p *process) kill() { p.cmd.Process.Kill() } // only fails when it has ended already

func mountSmall(string) error { return errors.New("small disks are made on Linux alone") }

func removeFolder(dir string) error { return os.RemoveAll(dir) }
