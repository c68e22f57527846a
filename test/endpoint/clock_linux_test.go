package endpoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sekimori/internal/tool/isolation/stage"
)

// TestClocksDisagree: the server's clock runs ahead of the PC's, is set back, and jumps by
// weeks. What the one says the other still believes.
func TestClocksDisagree(t *testing.T) {
	notShort(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clock")
	set := func(d time.Duration) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(d.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	set(3 * time.Hour)
	c := stage.New(t, stage.Programs{Server: []string{self}, Agent: built.Agent}, clockFile+"="+file)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	cycle := func(when string) {
		t.Helper()
		c.Server.Isolate(pc.Device, when)
		c.Server.Await(pc.Device, when+": proven", stage.Proven)
		closed(t, when, ways)
		c.Server.Release(pc.Device, when)
		c.Server.Await(pc.Device, when+": released", stage.Released)
		open(t, when, ways)
	}
	cycle("the server is three hours ahead")
	set(-2 * time.Hour)
	cycle("the server's clock was set back")
	c.Server.Kill()
	c.Server.Start()
	cycle("and the server was started anew")
	set(40 * 24 * time.Hour) // longer than a desired state's time may be built upon
	cycle("the server is weeks ahead")
	c.Server.Isolate(pc.Device, "for long")
	c.Server.Await(pc.Device, "proven", stage.Proven)
	pc.Kill()
	set(0)
	pc.Start()
	closed(t, "an agent started when the clock was right again", ways)
	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released", stage.Released)
}
