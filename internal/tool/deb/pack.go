package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// file is one file of the package.
type file struct {
	name   string // from the root, without the slash
	mode   int64
	text   []byte
	config bool // the operator's to change: an upgrade leaves it, a purge takes it
}

// pkg is a Debian package. It has no maintainer scripts: nothing of ours runs as root
// while it is installed.
type pkg struct {
	control func(installedKiB int64) string
	files   []file
	folders []string  // that have no file but belong to the package
	made    time.Time // of every file in it
}

// write writes the package: an ar archive of two tars (deb(5)).
func (p pkg) write(w io.Writer) error {
	data, err := p.data()
	if err != nil {
		return err
	}
	control, err := p.controlTar()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, "!<arch>\n"); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		text []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", control}, {"data.tar.gz", data}} {
		if _, err := fmt.Fprintf(w, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, p.made.Unix(), 0, 0, "100644", len(m.text)); err != nil {
			return err
		}
		if _, err := w.Write(m.text); err != nil {
			return err
		}
		if len(m.text)%2 == 1 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// packed is a compressed tar while it is written.
type packed struct {
	out  bytes.Buffer
	gzip *gzip.Writer
	tar  *tar.Writer
	made time.Time
}

func (p pkg) newTar() (*packed, error) {
	t := &packed{made: p.made}
	var err error
	if t.gzip, err = gzip.NewWriterLevel(&t.out, gzip.BestCompression); err != nil {
		return nil, err
	}
	t.tar = tar.NewWriter(t.gzip)
	return t, nil
}

func (t *packed) folder(name string) error {
	return t.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./" + strings.TrimPrefix(name+"/", "./"), Mode: 0o755,
		ModTime: t.made, Uname: "root", Gname: "root", Format: tar.FormatGNU})
}

func (t *packed) file(name string, mode int64, text []byte) error {
	if err := t.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: mode, Size: int64(len(text)),
		ModTime: t.made, Uname: "root", Gname: "root", Format: tar.FormatGNU}); err != nil {
		return err
	}
	_, err := t.tar.Write(text)
	return err
}

func (t *packed) close() ([]byte, error) {
	err := errors.Join(t.tar.Close(), t.gzip.Close())
	return t.out.Bytes(), err
}

// data is the tar of the files, each folder before what is in it.
func (p pkg) data() ([]byte, error) {
	t, err := p.newTar()
	if err != nil {
		return nil, err
	}
	made := map[string]bool{}
	var above func(dir string) error
	above = func(dir string) error {
		if made[dir] {
			return nil
		}
		made[dir] = true
		if dir != "." {
			if err := above(path.Dir(dir)); err != nil {
				return err
			}
		}
		return t.folder(dir)
	}
	for _, dir := range p.folders {
		if err := above(dir); err != nil {
			return nil, err
		}
	}
	for _, f := range p.files {
		if err := above(path.Dir(f.name)); err != nil {
			return nil, err
		}
		if err := t.file(f.name, f.mode, f.text); err != nil {
			return nil, err
		}
	}
	return t.close()
}

// controlTar is the tar of what dpkg reads about the package.
func (p pkg) controlTar() ([]byte, error) {
	var sums, config strings.Builder
	var size int64
	for _, f := range p.files {
		size += int64(len(f.text)+1023) / 1024
		if f.config {
			config.WriteString("/" + f.name + "\n")
			continue
		}
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.text), f.name)
	}
	t, err := p.newTar()
	if err != nil {
		return nil, err
	}
	if err := t.folder("."); err != nil {
		return nil, err
	}
	for _, m := range []struct{ name, text string }{{"control", p.control(size)}, {"md5sums", sums.String()}, {"conffiles", config.String()}} {
		if err := t.file(m.name, 0o644, []byte(m.text)); err != nil {
			return nil, err
		}
	}
	return t.close()
}
