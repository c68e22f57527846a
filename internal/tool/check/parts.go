package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sekimori/internal/testkit/chrome"
	"sekimori/internal/testkit/debian"
	"sekimori/internal/testkit/natsd"
	"sekimori/internal/testkit/nspawn"
	"sekimori/internal/testkit/openers"
	"sekimori/internal/testkit/pgcluster"
	"sekimori/internal/testkit/poppler"
	"sekimori/internal/testkit/qemu"
	"sekimori/internal/testkit/wine"
)

// part is something outside Go that the full tests run for real.
type part struct {
	what     string
	packages []string // Debian's names
	missing  func() bool
}

// parts lists them. A database of vulnerabilities packed as .xz needs xz as well.
func parts() []part {
	return []part{
		{"the PostgreSQL server", []string{pgcluster.Package}, func() bool {
			_, err := pgcluster.Find()
			return err != nil
		}},
		{"Chromium", []string{chrome.Package}, func() bool {
			_, err := chrome.Find()
			return err != nil
		}},
		{"a Japanese font", []string{"fonts-noto-cjk"}, func() bool { return !anyFile("/usr/share/fonts/*/noto/NotoSansCJK-*") }},
		{"what reads PDF files", []string{poppler.Package}, func() bool { return poppler.Find() != nil }},
		{"what opens sealed files", openers.Packages(), func() bool { return openers.Find() != nil }},
		{"curl for the stories", []string{"curl"}, func() bool { return lacks("curl") }},
		{"what makes a Debian to boot", []string{debian.Package}, func() bool {
			_, err := debian.Find()
			return err != nil
		}},
		{"what boots it", []string{nspawn.Package}, func() bool {
			_, err := nspawn.Find()
			return err != nil
		}},
		{"what looks at a firewall", []string{"nftables"}, func() bool { return lacks("nft") }},
		{"a message bus with made-up services", []string{"dbus-daemon", "python3-dbusmock"}, func() bool {
			return lacks("dbus-daemon") || !anyFile("/usr/lib/python3/dist-packages/dbusmock/__init__.py")
		}},
		{"the NATS server", []string{natsd.Package}, func() bool {
			_, err := natsd.Find()
			return err != nil
		}},
		{"Wine and a compiler for its one library", wine.Packages(), func() bool {
			_, err := wine.Find()
			return err != nil
		}},
		{"what emulates a machine", []string{qemu.Package}, func() bool {
			_, err := qemu.Find()
			return err != nil
		}},
		{"what makes its disk", []string{"e2fsprogs"}, func() bool { return !anyFile("/sbin/mke2fs") }},
		{"what makes sticks, and looks at them", []string{"dosfstools", "mtools"}, func() bool {
			return !anyFile("/sbin/mkfs.vfat") || !anyFile("/sbin/fsck.fat") || lacks("mcopy") || lacks("mtype")
		}},
		{"a C compiler for the race detector", []string{"gcc", "libc6-dev"}, func() bool {
			return lacks("gcc") || !anyFile("/usr/include/stdlib.h")
		}},
		{"xz for the vulnerability database", []string{"xz-utils"}, func() bool {
			return strings.HasSuffix(os.Getenv(vulnEnv), ".xz") && lacks("xz")
		}},
	}
}

func lacks(program string) bool {
	_, err := exec.LookPath(program)
	return err != nil
}

func anyFile(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}

// installParts installs what is missing where that can be done, and otherwise
// says what to install. A test that cannot run is a failure, never a silence.
func installParts(ctx context.Context) error {
	missing := look()
	if len(missing) == 0 {
		fmt.Println("nothing is missing")
		return nil
	}
	var packages []string
	for _, p := range missing {
		fmt.Printf("missing: %s (%s)\n", p.what, strings.Join(p.packages, ", "))
		packages = append(packages, p.packages...)
	}
	if os.Geteuid() != 0 || lacks("apt-get") {
		return fmt.Errorf("only root on Debian can have them installed for it; install them and run this again:\n"+
			"  sudo apt-get install --no-install-recommends %s\nor run make test-short, which needs none of them",
			strings.Join(packages, " "))
	}
	quiet := []string{"DEBIAN_FRONTEND=noninteractive"}
	wait := "DPkg::Lock::Timeout=600" // somebody else may be installing
	if err := start(ctx, quiet, "apt-get", "-q", "-o", wait, "update"); err != nil {
		return err
	}
	args := []string{"-q", "-y", "-o", wait, "install", "--no-install-recommends"}
	if err := start(ctx, quiet, "apt-get", append(args, packages...)...); err != nil {
		return err
	}
	if left := look(); len(left) > 0 {
		return errors.New("still missing after the installation: " + left[0].what)
	}
	return nil
}

func look() []part {
	var missing []part
	for _, p := range parts() {
		if p.missing() {
			missing = append(missing, p)
		}
	}
	return missing
}
