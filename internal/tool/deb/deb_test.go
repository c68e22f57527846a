package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// small is a package with one file of each sort.
func small() pkg {
	return pkg{control: control("1.2.3", "amd64"), folders: []string{"etc/sekimori"}, made: time.Unix(1_700_000_000, 0), files: []file{
		{name: "usr/bin/sekimori", mode: 0o755, text: []byte("odd")},
		{name: "etc/sekimori/backup.conf", mode: 0o644, text: []byte("x\n"), config: true},
	}}
}

func built(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	if err := small().write(&out); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "sekimori.deb")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestDebianReadsIt lets Debian's own tool say what is in the package.
func TestDebianReadsIt(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip("dpkg-deb is Debian's: ", err)
	}
	name := built(t)
	say := func(args ...string) string {
		t.Helper()
		said, err := exec.Command(tool, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("dpkg-deb %v: %v\n%s", args, err, said)
		}
		return string(said)
	}
	info := say("--info", name)
	for _, want := range []string{"Package: sekimori", "Version: 1.2.3", "Architecture: amd64", "conffiles", "md5sums"} {
		if !strings.Contains(info, want) {
			t.Errorf("--info does not say %q:\n%s", want, info)
		}
	}
	list := say("--contents", name)
	for _, want := range []string{"-rwxr-xr-x root/root         3", "./usr/bin/sekimori", "-rw-r--r-- root/root         2", "./etc/sekimori/backup.conf", "drwxr-xr-x root/root         0", "./etc/sekimori/\n"} {
		if !strings.Contains(list, want) {
			t.Errorf("--contents does not say %q:\n%s", want, list)
		}
	}
	if sums := say("--info", name, "md5sums"); sums != "a2b6f2a6066ed8700d83335fc50a2b8e  usr/bin/sekimori\n" {
		t.Errorf("md5sums: %q", sums)
	}
	if config := say("--info", name, "conffiles"); config != "/etc/sekimori/backup.conf\n" {
		t.Errorf("conffiles: %q", config)
	}
}

func TestSameSourceSamePackage(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	if err := small().write(&a); err != nil {
		t.Fatal(err)
	}
	if err := small().write(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two packages of the same files differ")
	}
}
