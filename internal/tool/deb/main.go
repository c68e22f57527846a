// Command deb builds the Debian package of the server: the program, its hardened units,
// its user, a nightly backup, and what belongs to every package. It runs at the root of
// the repository.
//
//	go run ./internal/tool/deb -out dist                 for this machine's processor
//	go run ./internal/tool/deb -out dist -arch arm64
//
// The time of the files is that of SOURCE_DATE_EPOCH where it is set, so that the same
// source gives the same package.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	out := flag.String("out", "dist", "folder to write the package into")
	arch := flag.String("arch", "amd64", "processor, as Debian and Go call it: amd64 or arm64")
	version := flag.String("version", "", "version of the package; default that of the program")
	program := flag.String("program", "", "the program, if it is built already")
	flag.Parse()
	name, err := run(*out, *arch, *version, *program)
	if err != nil {
		fmt.Fprintln(os.Stderr, "deb:", err)
		os.Exit(1)
	}
	fmt.Println(name)
}

func run(out, arch, version, built string) (name string, err error) {
	if arch != "amd64" && arch != "arm64" {
		return "", fmt.Errorf("no package is built for %q", arch)
	}
	if version == "" {
		if version, err = programVersion(); err != nil {
			return "", err
		}
	}
	made, err := buildTime()
	if err != nil {
		return "", err
	}
	program, err := build(arch, built)
	if err != nil {
		return "", err
	}
	files, err := contents(program, made)
	if err != nil {
		return "", err
	}
	p := pkg{control: control(version, arch), files: files, folders: []string{"etc/sekimori"}, made: made}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	name = filepath.Join(out, "sekimori_"+version+"_"+arch+".deb")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	return name, errors.Join(p.write(f), f.Close())
}

// programVersion reads the constant that server and agent share.
func programVersion() (string, error) {
	sources, err := filepath.Glob("internal/agent/*.go")
	if err != nil {
		return "", err
	}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if m := regexp.MustCompile(`(?m)^const Version = "([0-9][0-9A-Za-z.+~-]*)"`).FindSubmatch(text); m != nil {
			return string(m[1]), nil
		}
	}
	return "", errors.New("the version of the program is not found: run at the root of the repository")
}

func buildTime() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now().Truncate(time.Second), nil
	}
	s, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(s, 0), nil
}

// build gives the program for a processor: the one that is built already, or a new one.
func build(arch, built string) ([]byte, error) {
	if built != "" {
		return os.ReadFile(built)
	}
	dir, err := os.MkdirTemp("", "sekimori-deb-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "sekimori")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", name, "./cmd/sekimori")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program: %w\n%s", err, said)
	}
	return os.ReadFile(name)
}

// contents are the files of the package. The units are those of packaging/systemd, with
// the program where packages put it.
func contents(program []byte, made time.Time) ([]file, error) {
	files := []file{{name: "usr/bin/sekimori", mode: 0o755, text: program}}
	var errs []error
	add := func(name, from string, config bool, change func([]byte) []byte) {
		text, err := os.ReadFile(from)
		if err != nil {
			errs = append(errs, err)
			return
		}
		if change != nil {
			text = change(text)
		}
		files = append(files, file{name: name, mode: 0o644, text: text, config: config})
	}
	moved := func(text []byte) []byte {
		return bytes.ReplaceAll(text, []byte("/usr/local/bin/"), []byte("/usr/bin/"))
	}
	for _, unit := range []string{"sekimori.service", "sekimori-backup.service", "sekimori-backup.timer"} {
		add("usr/lib/systemd/system/"+unit, "packaging/systemd/"+unit, false, moved)
	}
	add("usr/lib/sysusers.d/sekimori.conf", "packaging/deb/sysusers.conf", false, nil)
	add("usr/lib/tmpfiles.d/sekimori.conf", "packaging/deb/tmpfiles.conf", false, nil)
	add("etc/sekimori/backup.conf", "packaging/deb/backup.conf", true, nil)
	add("usr/share/doc/sekimori/copyright", "packaging/deb/copyright", false, nil)
	add("usr/share/doc/sekimori/operations.md", "docs/operations.md", false, nil)
	add("usr/share/doc/sekimori/THIRD_PARTY_NOTICES.gz", "THIRD_PARTY_NOTICES", false, func(text []byte) []byte {
		packed, err := zip(text, made)
		errs = append(errs, err)
		return packed
	})
	return files, errors.Join(errs...)
}

func zip(text []byte, made time.Time) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	z.ModTime = made
	_, err = z.Write(text)
	return out.Bytes(), errors.Join(err, z.Close())
}

// control is what dpkg says about the package.
func control(version, arch string) func(int64) string {
	return func(installedKiB int64) string {
		return strings.Join([]string{
			"Package: sekimori",
			"Version: " + version,
			"Architecture: " + arch,
			"Maintainer: Sekimori <packages@sekimori.example>",
			"Installed-Size: " + strconv.FormatInt(installedKiB, 10),
			"Recommends: ca-certificates, systemd (>= 252)",
			"Section: admin",
			"Priority: optional",
			"Description: incident reports that are answered, and their record",
			" Sekimori takes the report of an information-security incident, does not rest",
			" until somebody answers, and keeps a record that cannot be changed unseen.",
			" One program with its own database; PostgreSQL can be used instead.",
			"",
		}, "\n")
	}
}
