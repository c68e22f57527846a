package host

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Readers of what macOS's programs print, and the text that launchd reads. They are
// tested on every system.

// launchdLabel names the agent's job.
const launchdLabel = "com.sekimori.agent"

// launchdJob is the property list that keeps the agent running, from the start of the
// system on and whatever ends it.
func launchdJob(exe, state string) (string, error) {
	var args strings.Builder
	for _, a := range []string{exe, "run", "--state", state} {
		args.WriteString("\t\t<string>")
		if err := xml.EscapeText(&args, []byte(a)); err != nil {
			return "", fmt.Errorf("launchd job: %w", err)
		}
		args.WriteString("</string>\n")
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + launchdLabel + `</string>
	<key>ProgramArguments</key>
	<array>
` + args.String() + `	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<true/>
	<key>ThrottleInterval</key>
	<integer>1</integer>
	<key>Umask</key>
	<integer>63</integer>
</dict>
</plist>
`, nil
}

// wifiDevices finds the Wi-Fi interfaces in what networksetup -listallhardwareports prints.
func wifiDevices(printed string) []string {
	var found []string
	wifi := false
	for line := range strings.Lines(printed) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Hardware Port":
			wifi = value == "Wi-Fi" || value == "AirPort"
		case "Device":
			if wifi && value != "" {
				found = append(found, value)
			}
			wifi = false
		}
	}
	return found
}

// routeInterface finds the interface in what route -n get prints; "" when there is none.
func routeInterface(printed string) string {
	for line := range strings.Lines(printed) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "interface: "); ok {
			return value
		}
	}
	return ""
}

// parsePS reads a line of ps -axo pid=,ppid=,uid=,lstart=,comm= in the C locale; the name
// is the program's path and may hold spaces. zone is the PC's.
func parsePS(line string, zone *time.Location) (process, error) {
	const fields = 8 // three numbers, then "Mon Nov 23 01:02:03 2026"
	rest := strings.TrimSpace(line)
	var f [fields]string
	for n := range f {
		var ok bool
		if f[n], rest, ok = strings.Cut(rest, " "); !ok {
			return process{}, fmt.Errorf("ps: %.80q", line)
		}
		rest = strings.TrimLeft(rest, " ")
	}
	p := process{Exe: clip(rest, 1024), Name: program(rest)}
	var err error
	if p.PID, err = strconv.Atoi(f[0]); err != nil {
		return process{}, fmt.Errorf("ps: %w", err)
	}
	if p.PPID, err = strconv.Atoi(f[1]); err != nil {
		return process{}, fmt.Errorf("ps: %w", err)
	}
	uid, err := strconv.ParseInt(f[2], 10, 64) // nobody is -2
	if err != nil {
		return process{}, fmt.Errorf("ps: %w", err)
	}
	p.UID = new(uint32(uid))
	at, err := time.ParseInLocation("Mon Jan 2 15:04:05 2006", strings.Join(f[3:], " "), zone)
	if err != nil {
		return process{}, fmt.Errorf("ps: %w", err)
	}
	p.Started = new(at.UTC())
	return p, nil
}

// parsePSArgs reads a line of ps -axo pid=,args=.
func parsePSArgs(line string) (pid int, args string, ok bool) {
	number, rest, found := strings.Cut(strings.TrimSpace(line), " ")
	pid, err := strconv.Atoi(number)
	return pid, strings.TrimSpace(rest), found && err == nil
}
