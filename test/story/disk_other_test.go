//go:build !linux

package story

import (
	"errors"

	"github.com/rogpeppe/go-internal/testscript"
)

// canMount: small disks are made on Linux alone.
func canMount() bool { return false }

func (s *stage) smallDisk(*testscript.TestScript, []string) error {
	return errors.New("no small disk on this system")
}

func noRoom(error) bool { return false }
