// Package arch holds the house's import rules as data and checks source files against
// them. Its test reads every Go file of the repository with go/parser, whatever system
// the file is built for, and fails with the file, the line and the rule that is broken.
//
// The rules are the map of docs/ARCHITECTURE.md. Changing one needs an ADR.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the path before every import of our own.
const module = "sekimori/"

// room says what the shipped files of a part of the tree may import of the program. A
// room always may import itself and what lies below it.
type room struct {
	path string   // folder; the longest that fits a package is its room
	may  []string // folders whose packages it may import, at any depth
	// each makes every folder directly below path a room of its own that may not
	// import its neighbours.
	each bool
}

// The leaves of the domain, which the other parts of the domain may import.
const (
	journal   = "internal/domain/journal"
	access    = "internal/domain/access"
	directory = "internal/domain/directory"
	notice    = "internal/domain/notice"
	request   = "internal/domain/request"
)

// testkit holds the real servers and browsers that tests start. No shipped file imports it.
const testkit = "internal/testkit"

func rooms() []room {
	const (
		app, cli, domain = "internal/app", "internal/cli", "internal/domain"
		agent, pii, seal = "internal/agent", "internal/pii", "internal/seal"
		inbound, kit     = "internal/inbound", "internal/kit"
		outbound         = "internal/outbound"
	)
	return []room{
		{path: kit},
		{path: journal, may: []string{kit}},
		{path: access, may: []string{journal, kit}},
		{path: directory, may: []string{access, journal, kit}},
		{path: notice, may: []string{directory, access, journal, kit}},
		{path: request, may: []string{notice, directory, access, journal, kit}},
		{path: domain, may: []string{access, directory, journal, notice, request, kit}, each: true},
		{path: inbound, may: []string{domain, kit}, each: true},
		{path: outbound, may: []string{domain, kit}, each: true},
		{path: pii, may: []string{kit}},
		{path: seal, may: []string{kit}},
		{path: agent, may: []string{pii, seal, kit}},
		{path: cli + "/endpoint", may: []string{agent, pii, seal, kit}},
		{path: cli, may: []string{app, agent, pii, seal, kit}},
		{path: app, may: []string{agent, domain, inbound, outbound, pii, seal, kit}},
		{path: "internal/arch"},
		{path: "internal/tool", may: []string{testkit, kit}},
		{path: testkit, may: []string{kit}},
		{path: "cmd", may: []string{cli}, each: true},
		{path: "test", may: []string{"internal", "test"}},
	}
}

// bannedInDomain are the packages of the standard library that reach out of the program,
// with all below them. Rules are decided from what they are given.
func bannedInDomain() []string {
	return []string{"net/http", "database/sql", "os", "log", "log/slog"}
}

// starters are the shipped files that may start a program, each with its own list of
// which ones: macOS gives its packet filter and its services to its own programs only; documents are read by this very
// program once more, in a process that may fall.
func starters() []string {
	return []string{"internal/agent/host/run_darwin.go", "internal/pii/read/child.go"}
}

// check reads one file and names everything in it that breaks a rule. name is its path
// from the root of the repository, with slashes.
func check(name string, src []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	c := checker{fset: fset, name: name, dir: path.Dir(name)}
	c.test = strings.HasSuffix(name, "_test.go") || under(name, "test") || under(name, testkit)
	c.imports(file)
	c.body(file)
	return c.found, nil
}

type checker struct {
	fset  *token.FileSet
	name  string
	dir   string // the package's folder
	test  bool   // a test file, or a helper of the tests
	found []string
}

func (c *checker) add(at token.Pos, format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("%s: %s", c.fset.Position(at), fmt.Sprintf(format, args...)))
}

func (c *checker) imports(file *ast.File) {
	r, ok := roomOf(c.dir)
	if !ok {
		c.add(file.Package, "%s is no room of the house: put it into one, or add the room with an ADR", c.dir)
		return
	}
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		if own, ok := strings.CutPrefix(p, module); ok {
			if !mayImport(r, own, c.test) {
				c.add(spec.Pos(), "%s may not import %s; it may import %s", r.path, own, allowed(r))
			}
			continue
		}
		if spec.Name != nil && spec.Name.Name == "." {
			c.add(spec.Pos(), "dot import of %s: name the package where it is used", p)
		}
		if !c.test && under(c.dir, "internal/domain") {
			for _, banned := range bannedInDomain() {
				if under(p, banned) {
					c.add(spec.Pos(), "the domain may not import %s: declare a small interface and let a way in or out do it", p)
					break
				}
			}
		}
	}
}

// body looks for what no import shows: init functions and calls that read the wall
// clock or start a process.
func (c *checker) body(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			c.add(f.Pos(), "func init: start it from app, or make it a function that returns the value")
		}
	}
	clock, process := localName(file, "time"), localName(file, "os/exec")
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch {
		case clock != "" && pkg.Name == clock && under(c.dir, "internal/domain"):
			if s := sel.Sel.Name; s == "Now" || s == "Since" || s == "Until" {
				c.add(sel.Pos(), "time.%s in the domain: take the time as an argument", s)
			}
		case process != "" && pkg.Name == process && !c.test && !under(c.dir, "internal/tool") && !slices.Contains(starters(), c.name):
			if s := sel.Sel.Name; s == "Command" || s == "CommandContext" {
				c.add(sel.Pos(), "exec.%s: start processes through internal/tool", s)
			}
		}
		return true
	})
}

// localName is the name under which a file imports a package; empty when it does not.
func localName(file *ast.File, pkg string) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != strconv.Quote(pkg) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(pkg)
	}
	return ""
}

// roomOf finds the room of a package folder.
func roomOf(dir string) (room, bool) {
	var best room
	for _, r := range rooms() {
		if under(dir, r.path) && len(r.path) > len(best.path) {
			best = r
		}
	}
	if best.path == "" {
		return room{}, false
	}
	if best.each {
		rest := strings.TrimPrefix(dir, best.path)
		first, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		best.path = path.Join(best.path, first)
	}
	return best, true
}

// mayImport reports whether a file of room r may import our package own. Any test may
// start what testkit holds, and the tests of the domain and of the ways in and out may
// put their neighbours' real parts together; only whole programs are kept from them, for
// those are tested below test/.
func mayImport(r room, own string, test bool) bool {
	may := slices.Concat([]string{r.path}, r.may)
	if test {
		may = append(may, testkit)
		sides := []string{"internal/domain", "internal/inbound", "internal/outbound"}
		if slices.ContainsFunc(sides, func(side string) bool { return under(r.path, side) }) {
			may = append(append(may, sides...), "internal/kit", "test")
		}
	}
	return slices.ContainsFunc(may, func(m string) bool { return under(own, m) })
}

func allowed(r room) string {
	if len(r.may) == 0 {
		return "only itself"
	}
	return "itself, " + strings.Join(r.may, ", ")
}

// under reports whether p is folder or lies below it.
func under(p, folder string) bool {
	return p == folder || strings.HasPrefix(p, folder+"/")
}

// documented reports whether a file's package comment is one: it begins the way that
// godoc shows ("Package x …", or "Command x …" or a capital name for a program).
func documented(src []byte) (bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return false, fmt.Errorf("parse: %w", err)
	}
	if file.Doc == nil {
		return false, nil
	}
	text := strings.TrimSpace(file.Doc.Text())
	if file.Name.Name == "main" {
		return text != "", nil
	}
	return strings.HasPrefix(text, "Package "+strings.TrimSuffix(file.Name.Name, "_test")+" "), nil
}
