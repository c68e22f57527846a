//go:build !linux

package pgcluster

import "syscall"

// Outside Linux there is no parent-death signal and nobody runs tests as root:
// the server is an ordinary child.

func serverAttr() (*syscall.SysProcAttr, error) { return nil, nil }

func giveToServerUser(string) error { return nil }

func removeOrphans() {}

func (p *process) kill() { p.cmd.Process.Kill() } // only fails when it has ended already
