package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/kit/i18n"
)

// TestEveryTopicHasTexts: the topics that the rules can plan letters under are those that
// have texts, no more and no fewer. That the texts' places are filled is tested where the
// letters are planned.
func TestEveryTopicHasTexts(t *testing.T) {
	t.Parallel()
	planned := map[string]bool{}
	keep := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			topic, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(topic, ".") { // what pages listen to is called a topic too, and has none
				planned[topic] = true
			}
		}
	}
	rules := os.DirFS("../domain")
	err := fs.WalkDir(rules, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := fs.ReadFile(rules, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec: // const topicDecide = "…"
				for i, name := range n.Names {
					if strings.Contains(strings.ToLower(name.Name), "topic") && i < len(n.Values) {
						keep(n.Values[i])
					}
				}
			case *ast.KeyValueExpr: // letter{topic: "…"}
				if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "topic") {
					keep(n.Value)
				}
			case *ast.CallExpr: // tell(1, "…", people)
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "tell" && len(n.Args) > 1 {
					keep(n.Args[1])
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	written, ids := map[string]bool{}, c.IDs(i18n.JA)
	for _, id := range ids {
		if topic, ok := strings.CutPrefix(id, "letter."); ok {
			for _, part := range []string{".subject", ".text"} {
				if topic, ok := strings.CutSuffix(topic, part); ok {
					written[topic] = true
					if !slices.Contains(ids, "letter."+topic+".subject") || !slices.Contains(ids, "letter."+topic+".text") {
						t.Errorf("%s has one of subject and text", topic)
					}
				}
			}
		}
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(planned)), slices.Sorted(maps.Keys(written))); d != "" {
		t.Errorf("topics (-planned +written):\n%s", d)
	}
	if len(planned) < 19 {
		t.Errorf("found only %v", planned)
	}
}
