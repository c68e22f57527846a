package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	// vulnEnv names a local copy of the Go vulnerability database: its folder, or
	// that folder packed by tar with any compression that tar knows.
	vulnEnv      = "SEKIMORI_VULNDB"
	publicVulnDB = "https://vuln.go.dev"
)

// vulnerabilities fails when our code calls a function with a known hole. It
// says which database was asked and of what date it is.
func vulnerabilities(ctx context.Context) error {
	local := os.Getenv(vulnEnv)
	if local == "" {
		date, err := publicDate(ctx)
		if err != nil {
			return fmt.Errorf("%w: the public database cannot be reached (%w); name a local copy in %s", errNotRun, err, vulnEnv)
		}
		return govulncheck(ctx, publicVulnDB, "of "+date.Format(time.DateOnly))
	}
	dir, remove, err := unpack(ctx, local)
	if err != nil {
		return fmt.Errorf("%s: %w", vulnEnv, err)
	}
	err = checkLocal(ctx, dir)
	return errors.Join(err, remove())
}

func checkLocal(ctx context.Context, dir string) error {
	age, err := localAge(dir)
	if err != nil {
		return err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}
	return govulncheck(ctx, u.String(), age)
}

// localAge tells how old a copy is by its newest entry. Copies made by hand do
// not always carry dates; the numbers rise with time and begin with the year.
func localAge(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "index", "vulns.json"))
	if err != nil {
		return "", fmt.Errorf("the database has no index: %w", err)
	}
	var entries []struct {
		ID       string
		Modified time.Time
	}
	if err := json.Unmarshal(b, &entries); err != nil {
		return "", fmt.Errorf("read the index of the database: %w", err)
	}
	var newest time.Time
	var last string
	for _, e := range entries {
		if e.Modified.After(newest) {
			newest = e.Modified
		}
		last = max(last, e.ID)
	}
	date := "without dates"
	if !newest.IsZero() {
		date = "of " + newest.Format(time.DateOnly)
	}
	return fmt.Sprintf("%d entries, the last %s, %s", len(entries), last, date), nil
}

func govulncheck(ctx context.Context, db, age string) error {
	fmt.Printf("database %s: %s\n", db, age)
	return start(ctx, nil, "go", "tool", "-modfile=tools/go.mod", "govulncheck", "-db", db, "./...")
}

// unpack returns the folder of the database and what removes it again.
func unpack(ctx context.Context, local string) (dir string, remove func() error, err error) {
	if local, err = filepath.Abs(local); err != nil {
		return "", nil, err
	}
	info, err := os.Stat(local)
	if err != nil {
		return "", nil, err
	}
	if info.IsDir() {
		return local, func() error { return nil }, nil
	}
	tmp, err := os.MkdirTemp("", "sekimori-vulndb-")
	if err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(tmp) }
	if err := start(ctx, nil, "tar", "-xf", local, "-C", tmp); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	if dir, err = databaseIn(tmp); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

// databaseIn finds the folder with index/db.json: archives differ in how deep it lies.
func databaseIn(root string) (string, error) {
	var found string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "db.json" && filepath.Base(filepath.Dir(path)) == "index" {
			found = filepath.Dir(filepath.Dir(path))
			return fs.SkipAll
		}
		return err
	})
	if err == nil && found == "" {
		err = errors.New("no index/db.json in the archive")
	}
	return found, err
}

func publicDate(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, publicVulnDB+"/index/db.json", nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return time.Time{}, errors.New(resp.Status)
	}
	var index struct{ Modified time.Time }
	if err := json.NewDecoder(resp.Body).Decode(&index); err != nil {
		return time.Time{}, fmt.Errorf("read its index: %w", err)
	}
	return index.Modified, nil
}
