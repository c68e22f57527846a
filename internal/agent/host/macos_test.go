package host

import (
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func pfAllow() Allow {
	return Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.1:8420"), netip.MustParseAddrPort("[2001:db8::1]:8420")}}
}

func TestPFText(t *testing.T) {
	t.Parallel()
	rules := pfRules(pfAllow())
	for _, want := range []string{
		"pass quick on lo0 all no state",
		"pass out quick inet proto tcp from any to 192.0.2.1 port 8420 no state",
		"pass in quick inet proto tcp from 192.0.2.1 port 8420 to any flags A/A no state",
		"pass out quick inet6 proto tcp from any to 2001:db8::1 port 8420 no state",
	} {
		if !slices.Contains(rules, want) {
			t.Errorf("there is no rule %q", want)
		}
	}
	if got := rules[len(rules)-2:]; !slices.Equal(got, []string{"block return out quick all", "block drop in quick all"}) {
		t.Errorf("the last rules are %q", got)
	}
	for _, r := range rules {
		if !strings.Contains(r, " quick ") || strings.HasPrefix(r, "pass") && !strings.HasSuffix(r, "no state") {
			t.Errorf("%q does not decide for itself", r)
		}
	}
	for line := range strings.Lines(pfText(pfAllow())) {
		if !strings.HasSuffix(line, "\"\n") || strings.Count(line, "label ") != 1 {
			t.Errorf("no label: %q", line)
		}
	}
}

// printed is how pfctl shows loaded rules: in words of its own, with the labels kept.
func printed(allow Allow) string {
	r := strings.NewReplacer("port ", "port = ", "proto icmp6", "proto ipv6-icmp", " all no state", " all no state")
	return r.Replace(pfText(allow))
}

func TestPFStands(t *testing.T) {
	t.Parallel()
	allow := pfAllow()
	good := printed(allow)
	if err := pfSame(good, allow); err != nil {
		t.Errorf("refused its own rules: %v", err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(good, "\n"), "\n")
	swapped := slices.Clone(lines)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	other := Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.2:8420"), netip.MustParseAddrPort("[2001:db8::1]:8420")}}
	for name, bad := range map[string]string{
		"nothing": "", "one less": strings.Join(lines[1:], ""), "another order": strings.Join(swapped, ""),
		"one more": "pass quick all flags any\n" + good, "other servers": printed(other),
		"no labels": strings.ReplaceAll(good, "label", "tag"),
	} {
		if pfSame(bad, allow) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestPFAnswers(t *testing.T) {
	t.Parallel()
	if asked := strings.Trim(strings.TrimPrefix(pfMain, "anchor "), `"*`); !strings.HasPrefix(pfAnchor, asked) {
		t.Errorf("nobody asks %s: it is not below %s", pfAnchor, asked)
	}
	main := "scrub-anchor \"com.apple/*\" all fragment reassemble\nanchor \"com.apple/*\" all\n"
	if !pfAsked(main) || pfAsked("scrub-anchor \"com.apple/*\" all\npass all\n") {
		t.Error("the anchor's line is misread")
	}
	if !pfEnabled("Status: Enabled for 0 days 00:01:02           Debug: Urgent\n") || pfEnabled("Status: Disabled\n") {
		t.Error("the status is misread")
	}
	if token, ok := pfToken("pf enabled\nToken : 8765432101234567890\n"); !ok || token != "8765432101234567890" {
		t.Errorf("the token is %q", token)
	}
	for _, bad := range []string{"", "pf enabled\n", "Token : \n", "Token : -f /etc/x\n"} {
		if token, ok := pfToken(bad); ok {
			t.Errorf("%q gave the token %q", bad, token)
		}
	}
}

func TestLaunchdJob(t *testing.T) {
	t.Parallel()
	text, err := launchdJob("/usr/local/bin/sekimori-agent", "/Library/Application Support/<Sekimori> & co")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	in := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok && strings.TrimSpace(string(c)) != "" {
			values = append(values, string(c))
		}
	}
	want := []string{
		"Label", "com.sekimori.agent", "ProgramArguments", "/usr/local/bin/sekimori-agent", "run", "--state",
		"/Library/Application Support/<Sekimori> & co", "RunAtLoad", "KeepAlive", "ThrottleInterval", "1", "Umask", "63",
	}
	if !slices.Equal(values, want) {
		t.Errorf("the job says %q", values)
	}
}

func TestMacPrograms(t *testing.T) {
	t.Parallel()
	ports := "\nHardware Port: Ethernet\nDevice: en5\nEthernet Address: 02:00:5e:10:00:01\n\nHardware Port: Wi-Fi\nDevice: en0\nEthernet Address: 02:00:5e:10:00:02\n\nVLAN Configurations\n===================\n"
	if got := wifiDevices(ports); !slices.Equal(got, []string{"en0"}) {
		t.Errorf("Wi-Fi is %q", got)
	}
	route := "   route to: 192.0.2.1\ndestination: default\n       mask: default\n    gateway: 192.0.2.254\n  interface: en0\n      flags: <UP,GATEWAY,DONE>\n"
	if got := routeInterface(route); got != "en0" {
		t.Errorf("the way is over %q", got)
	}
	if got := routeInterface("route: writing to routing socket: not in table\n"); got != "" {
		t.Errorf("no way is over %q", got)
	}
	tokyo := time.FixedZone("JST", 9*3600)
	p, err := parsePS("  501     1   501 Mon Nov 23 10:02:03 2026     /Applications/Some Tool.app/Contents/MacOS/Some Tool", tokyo)
	if err != nil || p.PID != 501 || p.PPID != 1 || *p.UID != 501 || p.Exe != "/Applications/Some Tool.app/Contents/MacOS/Some Tool" ||
		!p.Started.Equal(time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)) {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := parsePS("   88     1    -2 Mon Nov  2 10:02:03 2026     /usr/sbin/x", tokyo); err != nil || *p.UID != 1<<32-2 {
		t.Errorf("nobody: %+v, %v", p, err)
	}
	for _, bad := range []string{"", "1 2 3", "x 1 0 Mon Nov 23 10:02:03 2026 /a", "1 1 0 Mon Nov 99 10:02:03 2026 /a"} {
		if p, err := parsePS(bad, tokyo); err == nil {
			t.Errorf("%q gave %+v", bad, p)
		}
	}
	if pid, args, ok := parsePSArgs("  501 /bin/sh -c x"); !ok || pid != 501 || args != "/bin/sh -c x" {
		t.Errorf("%d %q %v", pid, args, ok)
	}
}

func FuzzMacPrograms(f *testing.F) {
	f.Add("  501     1   501 Mon Nov 23 10:02:03 2026     /bin/sh")
	f.Add("Token : 8765432101234567890\n")
	f.Add("Hardware Port: Wi-Fi\nDevice: en0\n")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePS(s, time.UTC); err == nil && (p.UID == nil || p.Started == nil) {
			t.Errorf("%+v", p)
		}
		if token, ok := pfToken(s); ok && strings.Trim(token, "0123456789") != "" {
			t.Errorf("the token %q", token)
		}
		wifiDevices(s)
		routeInterface(s)
		parsePSArgs(s)
		if pfSame(s, pfAllow()) == nil && !strings.Contains(s, pfLabel("block drop in quick all")) {
			t.Errorf("taken for our rules: %q", s)
		}
	})
}
