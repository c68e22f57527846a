package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Rules for pf, the packet filter of macOS, as text for pfctl's standard input. They keep
// no state: what is allowed holds for sessions that were there before, and what is not
// ends them.

// pfAnchor is where our rules are. /etc/pf.conf, as Apple ships it, asks every anchor
// below com.apple, in the order of their names; one of any other name would be asked by
// nobody, and changing that file is not ours to do. 000 comes before Apple's own.
const pfAnchor = "com.apple/000.sekimori"

// pfMain is the line of the main rules that asks our anchor.
const pfMain = `anchor "com.apple/*"`

// pfRules are all that Cut loads, a line each. The last two decide: out is answered with
// a reset, so that a program's old session ends at once; in is dropped without a word.
func pfRules(allow Allow) []string {
	rules := []string{
		"pass quick on lo0 all no state",
		"pass out quick inet proto udp from any port 68 to 255.255.255.255 port 67 no state",
		"pass in quick inet proto udp from any port 67 to any port 68 no state",
		"pass out quick inet6 proto udp from any port 546 to ff02::1:2 port 547 no state",
		"pass in quick inet6 proto udp from fe80::/10 port 547 to any port 546 no state",
		"pass out quick inet6 proto icmp6 all icmp6-type routersol no state",
		"pass in quick inet6 proto icmp6 all icmp6-type routeradv no state",
		"pass quick inet6 proto icmp6 all icmp6-type neighbrsol no state",
		"pass quick inet6 proto icmp6 all icmp6-type neighbradv no state",
		"pass in quick inet6 proto icmp6 all icmp6-type toobig no state",
		"pass in quick inet proto icmp all icmp-type unreach code needfrag no state",
	}
	for _, s := range allow.Servers {
		addr, family := s.Addr().Unmap(), "inet"
		if addr.Is6() {
			family = "inet6"
		}
		rules = append(rules,
			fmt.Sprintf("pass out quick %s proto tcp from any to %s port %d no state", family, addr, s.Port()),
			// Only answers: a packet without ACK would begin something.
			fmt.Sprintf("pass in quick %s proto tcp from %s port %d to any flags A/A no state", family, addr, s.Port()))
	}
	return append(rules, "block return out quick all", "block drop in quick all")
}

// pfLabel marks a rule, so that it is known again however pfctl prints it.
func pfLabel(rule string) string {
	sum := sha256.Sum256([]byte(rule))
	return "sekimori-" + hex.EncodeToString(sum[:8])
}

// pfText is what pfctl loads. A label comes last but for nothing.
func pfText(allow Allow) string {
	var b strings.Builder
	for _, r := range pfRules(allow) {
		fmt.Fprintf(&b, "%s label \"%s\"\n", r, pfLabel(r))
	}
	return b.String()
}

// pfSame is nil when printed, the output of pfctl -s rules for our anchor, holds exactly
// our rules in their order.
func pfSame(printed string, allow Allow) error {
	var found []string
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		_, rest, _ := strings.Cut(line, `label "`)
		label, _, _ := strings.Cut(rest, `"`)
		found = append(found, label)
	}
	want := pfRules(allow)
	if len(found) != len(want) {
		return fmt.Errorf("pf holds %d of our rules, not %d", len(found), len(want))
	}
	for n, rule := range want {
		if found[n] != pfLabel(rule) {
			return fmt.Errorf("pf lacks the rule %q in its place", rule)
		}
	}
	return nil
}

// pfAsked reports whether the main rules, as printed by pfctl -s rules, ask our anchor.
func pfAsked(printed string) bool {
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(strings.TrimSpace(line), pfMain) {
			return true
		}
	}
	return false
}

// pfEnabled reports what pfctl -s info says.
func pfEnabled(printed string) bool { return strings.Contains(printed, "Status: Enabled") }

// pfToken finds the number that pfctl -E gives, for which -X gives the filter back.
func pfToken(printed string) (string, bool) {
	for line := range strings.Lines(printed) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "Token" {
			token := strings.TrimSpace(value)
			return token, token != "" && strings.Trim(token, "0123456789") == ""
		}
	}
	return "", false
}
