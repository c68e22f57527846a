package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNoServerInside: what runs on every PC holds none of the server's rooms, whatever
// system it is built for.
func TestNoServerInside(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: go list: %v", system, err)
		}
		for _, banned := range []string{"internal/app", "internal/domain", "internal/inbound", "internal/outbound"} {
			if strings.Contains(string(out), "sekimori/"+banned) {
				t.Errorf("%s: it links %s", system, banned)
			}
		}
		if !strings.Contains(string(out), "sekimori/internal/agent\n") {
			t.Errorf("%s: this list is not the agent's:\n%s", system, out)
		}
	}
}
