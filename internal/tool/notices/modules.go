package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// goModule stands for the standard library; its licence is that of x/text, which
// is the same text and is there with every kind of Go installation.
const (
	goModule    = "Go standard library and runtime"
	goLicenceOf = "golang.org/x/text"
)

// module is one module that ships, as `go list -json` tells of it.
type module struct {
	Path    string
	Version string
	Dir     string // in the module cache
	Main    bool
	Replace *module
}

func (m module) title() string { return strings.TrimSpace(m.Path + " " + m.Version) }

// licenceFile matches what people call the files that must travel along.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|authors)([._-].*)?$`)

// shipped lists the modules that the programs are built from on the systems that
// we build for, by path, with the standard library first.
func shipped() ([]module, error) {
	found := map[string]module{}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/...")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list the packages for %s: %w\n%s", goos, err, stderr.Bytes())
		}
		if err := collect(found, out); err != nil {
			return nil, err
		}
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	text, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", goLicenceOf).Output()
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", goLicenceOf, err)
	}
	std := module{Path: goModule, Dir: strings.TrimSpace(string(text))}
	return append([]module{std}, list...), nil
}

func collect(found map[string]module, list []byte) error {
	for dec := json.NewDecoder(bytes.NewReader(list)); ; {
		var pkg struct{ Module *module }
		err := dec.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the list of packages: %w", err)
		}
		m := pkg.Module
		if m == nil || m.Main { // the standard library, or ourselves
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		found[m.Path] = *m
	}
}

// licences are the texts in the module's root folder, each under its file name.
func (m module) licences() ([]string, error) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of %s: %w", m.Path, err)
	}
	var texts []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a licence of %s: %w", m.Path, err)
		}
		texts = append(texts, "--- "+e.Name()+" ---\n\n"+clean(b))
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no licence file: it must not ship", m.Path)
	}
	return texts, nil
}
