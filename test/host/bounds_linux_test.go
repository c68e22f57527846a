package host

import (
	"encoding/json"
	"os"
	"strings"
)

// bounds looks at the running server itself: what the kernel lets its process do.
func (h *host) bounds() {
	pid := h.show("MainPID")["MainPID"]
	status := map[string]string{}
	for line := range strings.Lines(h.run("cat", "/proc/"+pid+"/status")) {
		k, v, _ := strings.Cut(line, ":")
		status[k] = strings.Join(strings.Fields(v), " ")
	}
	uid := h.run("id", "-u", "sekimori")
	for name, want := range map[string]string{
		"Uid":    strings.Join([]string{uid, uid, uid, uid}, " "),
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "CapAmb": "0000000000000000",
		"NoNewPrivs": "1", "Seccomp": "2", "Umask": "0077",
	} {
		if status[name] != want {
			h.t.Errorf("%s of the server is %q, want %q", name, status[name], want)
		}
	}
	for line := range strings.Lines(h.run("cat", "/proc/"+pid+"/limits")) {
		if strings.HasPrefix(line, "Max core file size") && !strings.Contains(line, " 0 ") {
			h.t.Errorf("the server may leave its memory on disk: %s", line)
		}
	}
	// Even root, seeing the disk as the server does, cannot write to it.
	inside := []string{"nsenter", "--target", pid, "--mount", "--"}
	for _, file := range []string{"/etc/tried", "/usr/local/bin/sekimori", "/var/lib/tried", "/home/tried"} {
		_, err := h.Run(h.t.Context(), append(inside, "touch", file)...)
		if err == nil {
			h.t.Errorf("%s can be written where the server is", file)
		}
	}
	h.run(append(inside, "touch", stateDir+"/tried")...)
	h.run("rm", stateDir+"/tried")
	for _, ns := range []string{"mnt", "user", "ipc", "uts"} {
		if own, machines := h.run("readlink", "/proc/"+pid+"/ns/"+ns), h.run("readlink", "/proc/1/ns/"+ns); own == machines {
			h.t.Errorf("the server is in the machine's own %s namespace", ns)
		}
	}
	groups := 0
	for line := range strings.Lines(h.run("cat", "/proc/"+pid+"/mountinfo")) {
		if f := strings.Fields(line); strings.HasPrefix(f[4], "/sys/fs/cgroup") {
			groups++
			if !strings.HasPrefix(f[5], "ro") {
				h.t.Errorf("the server may change control groups: %s", line)
			}
		}
	}
	if groups == 0 {
		h.t.Error("no control groups are mounted where the server is: this test looked in vain")
	}
	for path, want := range map[string]string{
		stateDir: "700 sekimori", stateDir + "/keys": "700 sekimori", stateDir + "/keys/journal.key": "600 sekimori",
		stateDir + "/sekimori.toml": "600 sekimori", stateDir + "/sekimori.db": "600 sekimori", "/etc/sekimori": "700 root",
	} {
		if got := h.run("stat", "--format=%a %U", path); got != want {
			h.t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// forbidden runs the probe in place of the server under the very same unit, and again
// without it: what fails under the unit and not without fails because of the unit.
func (h *host) forbidden() {
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	const program, results = "/usr/local/bin/" + probeName, stateDir + "/probe.json"
	h.CopyIn(self, program, 0o755)
	h.Write("/etc/systemd/system/sekimori.service.d/probe.conf",
		"[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart="+program+" "+results+"\n", 0o644)
	h.Write(everybodys, "", 0o644)
	h.run("mknod", "--mode=666", device, "c", "1", "3") // one more /dev/null
	h.run("systemctl", "daemon-reload")

	read := func() map[string]string {
		h.t.Helper()
		var out map[string]string
		if err := json.Unmarshal([]byte(h.run("cat", results)), &out); err != nil {
			h.t.Fatal(err)
		}
		h.run("rm", results)
		return out
	}
	h.run("sudo", "-u", "sekimori", "env", "CREDENTIALS_DIRECTORY=/nowhere", program, results)
	free := read()
	h.run("systemctl", "start", "sekimori")
	bound := read()

	for _, a := range attempts() {
		got, freely := bound[a.name], free[a.name]
		switch {
		case a.allowed && got != "":
			h.t.Errorf("the unit keeps the server from what it needs, to %s: %s", a.name, got)
		case !a.allowed && got == "":
			h.t.Errorf("under the unit it is possible to %s", a.name)
		case !a.allowed && a.byUnit && freely != "":
			h.t.Errorf("to %s fails without the unit too, so this proves nothing: %s", a.name, freely)
		}
		h.t.Logf("%-45s unit: %-45s without: %s", a.name, got, freely)
	}
}
