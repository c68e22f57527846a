package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// probeName is the name under which the test's own program is the probe.
const probeName = "sekimori-probe"

// Two files that everybody on the host can read.
const (
	everybodys = "/var/tmp/everybodys"
	device     = "/dev/tried"
)

// attempt is something that the probe tries.
type attempt struct {
	name    string
	allowed bool // the server needs it
	byUnit  bool // an ordinary process may do it: only the unit forbids it
	try     func() error
}

func attempts() []attempt {
	const mode = 0o600
	return []attempt{
		{name: "write into its own folder", allowed: true, try: func() error { return os.WriteFile(stateDir+"/tried", nil, mode) }},
		{name: "read the mail password it was given", allowed: true, try: func() error {
			_, err := os.ReadFile(filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), "mail-password"))
			return err
		}},
		{name: "listen on a port of its own", allowed: true, try: listen("127.0.0.1:8420")},
		{name: "read the mail password at its place", try: func() error { return open("/etc/sekimori/mail-password") }},
		{name: "listen on a port below 1024", try: listen("127.0.0.1:443")},
		{name: "find what others have in /var/tmp", byUnit: true, try: func() error { return open(everybodys) }},
		{name: "see other processes", byUnit: true, try: func() error { return open("/proc/1/status") }},
		{name: "see the home folders", byUnit: true, try: func() error {
			found, err := os.ReadDir("/home")
			if err == nil && len(found) == 0 {
				return errors.New("/home is empty")
			}
			return err
		}},
		{name: "talk to the kernel by netlink", byUnit: true, try: socket(syscall.AF_NETLINK, syscall.SOCK_RAW)},
		{name: "read packets of the network", try: socket(syscall.AF_PACKET, syscall.SOCK_RAW)},
		{name: "make memory both writable and executable", byUnit: true, try: func() error {
			_, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, syscall.MAP_PRIVATE|syscall.MAP_ANON)
			return err
		}},
		{name: "make a program that runs as its owner", byUnit: true, try: func() error { return syscall.Chmod(stateDir+"/tried", 0o4700) }},
		{name: "leave its namespaces", byUnit: true, try: func() error {
			cmd := exec.Command("/bin/true")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
			return cmd.Run()
		}},
		{name: "give itself less of the processor", byUnit: true, try: func() error { return syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10) }},
		{name: "run as another kind of system would", byUnit: true, try: func() error {
			const addrNoRandomize = 0x0040000
			if _, _, errno := syscall.Syscall(syscall.SYS_PERSONALITY, addrNoRandomize, 0, 0); errno != 0 {
				return errno
			}
			return nil
		}},
		{name: "see the host's devices", byUnit: true, try: func() error { return open(device) }},
		{name: "set the clock", try: func() error { return syscall.Settimeofday(&syscall.Timeval{Sec: 1}) }},
		{name: "name the host", try: func() error { return syscall.Sethostname([]byte("tried")) }},
		{name: "mount", try: func() error { return syscall.Mount("tmpfs", stateDir, "tmpfs", 0, "") }},
		{name: "become root", try: func() error { return exec.Command("sudo", "-n", "true").Run() }},
		{name: "write into /etc", try: func() error { return os.WriteFile("/etc/tried", nil, mode) }},
		{name: "change its own program", try: func() error { return os.WriteFile("/usr/local/bin/sekimori", nil, mode) }},
	}
}

// probe tries everything and writes what happened, by name and "" for success.
func probe(results string) int {
	out := map[string]string{}
	for _, a := range attempts() {
		out[a.name] = ""
		if err := a.try(); err != nil {
			out[a.name] = strings.TrimSpace(err.Error())
		}
	}
	b, err := json.Marshal(out)
	if err == nil {
		err = errors.Join(os.Remove(stateDir+"/tried"), os.WriteFile(results, b, 0o600))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func open(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

func listen(address string) func() error {
	return func() error {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		return l.Close()
	}
}

func socket(family, kind int) func() error {
	return func() error {
		fd, err := syscall.Socket(family, kind, 0)
		if err != nil {
			return err
		}
		return syscall.Close(fd)
	}
}
