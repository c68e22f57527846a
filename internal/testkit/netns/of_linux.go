package netns

import (
	"testing"

	"github.com/vishvananda/netns"
)

// Of is the namespace that somebody else has made, named by a path as Space.Path gives it.
// It stays its maker's.
func Of(t testing.TB, path string) *Space {
	t.Helper()
	ns, err := netns.GetFromPath(path)
	if err != nil {
		t.Fatalf("open the network namespace %s: %v", path, err)
	}
	t.Cleanup(func() { ns.Close() })
	return &Space{t: t, ns: ns}
}
