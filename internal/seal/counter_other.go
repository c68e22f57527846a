//go:build !amd64

package seal

// counterMode leaves all to the standard library, a block at a time.
type counterMode struct{}

func newCounterMode([]byte) *counterMode { return &counterMode{} }

func (*counterMode) crypt([]byte, uint64) int { return 0 }
