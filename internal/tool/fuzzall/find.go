package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// target is one fuzz function.
type target struct {
	Package string // as the go command takes it, such as ./internal/law
	Name    string
}

// find returns the fuzz functions below root that build on this system, by
// package and name. Folders that the go command passes over, and modules of
// their own, are passed over too.
func find(root string) ([]target, error) {
	var found []target
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && passOver(path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(d.Name(), "_test.go") {
			return nil
		}
		here, err := inFile(root, path)
		found = append(found, here...)
		return err
	})
	slices.SortFunc(found, func(a, b target) int {
		return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.Name, b.Name))
	})
	return found, err
}

func passOver(path, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor" {
		return true
	}
	own, err := filepath.Glob(filepath.Join(path, "go.mod"))
	return err == nil && len(own) > 0
}

func inFile(root, path string) ([]target, error) {
	dir, name := filepath.Split(path)
	if ok, err := build.Default.MatchFile(dir, name); err != nil || !ok {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse a test: %w", err)
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return nil, fmt.Errorf("name the package of %s: %w", path, err)
	}
	var found []target
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && isFuzz(fn) {
			found = append(found, target{"./" + filepath.ToSlash(rel), fn.Name.Name})
		}
	}
	return found, nil
}

// isFuzz reports whether fn has the form func FuzzName(f *testing.F).
func isFuzz(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") || len(fn.Type.Params.List) != 1 {
		return false
	}
	ptr, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := ptr.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "F"
}
