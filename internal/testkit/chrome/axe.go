package chrome

import (
	_ "embed"
	"fmt"
	"strings"
)

// axe is axe-core 4.14.1 (https://github.com/dequelabs/axe-core, MPL-2.0, see axe/LICENSE),
// unchanged. It is part of the tests alone.
//
//go:embed axe/axe.min.js
var axe string

// Audit gives what axe finds wrong with the page for people who see, hear or move
// differently: one line for each rule that is broken, with the first places. WCAG 2.2 AA
// and axe's own best practices.
func (p *Page) Audit() []string {
	p.t.Helper()
	p.Eval(axe+";\n1", nil)
	p.Eval(`axe.run(document, {resultTypes: ["violations"]}).then((r) => {
		document.documentElement.dataset.audit = JSON.stringify(r.violations.map((v) => v.id + " (" + v.impact + "): " + v.help + ": " +
			v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + (n.any[0]?.message || n.all[0]?.message || n.none[0]?.message || "")).join(" | ")));
	}, (e) => { document.documentElement.dataset.audit = JSON.stringify(["axe: " + e]); }); 1`, nil)
	p.Wait("html[data-audit]")
	var found []string
	p.Eval(`JSON.parse(document.documentElement.dataset.audit)`, &found)
	p.Eval(`delete document.documentElement.dataset.audit; 1`, nil)
	for i, f := range found {
		found[i] = strings.TrimSpace(fmt.Sprintf("axe: %s", f))
	}
	return found
}
