// Package openers opens sealed files in tests with programs that others wrote: 7-Zip,
// qpdf, LibreOffice, msoffcrypto-tool and age.
package openers

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The programs, as Debian names them.
const (
	SevenZip    = "7zz"
	QPDF        = "qpdf"
	LibreOffice = "soffice"
	MSOffCrypto = "msoffcrypto-tool"
	AgeProgram  = "age"
)

// Packages are the Debian packages that hold them.
func Packages() []string {
	return []string{"7zip", "qpdf", "age", "python3-msoffcrypto-tool", "libreoffice-calc-nogui", "libreoffice-writer-nogui", "libreoffice-impress-nogui"}
}

// Find says what is missing; nil when nothing is.
func Find() error {
	for _, name := range []string{SevenZip, QPDF, LibreOffice, MSOffCrypto, AgeProgram} {
		if _, err := exec.LookPath(name); err != nil {
			return errors.New("no " + name + " found: install the Debian packages " + strings.Join(Packages(), " "))
		}
	}
	return nil
}

// Need skips the test under -short when a program is missing, and fails it otherwise.
func Need(t testing.TB) {
	t.Helper()
	switch err := Find(); {
	case err != nil && testing.Short():
		t.Skipf("skipped under -short: %v", err)
	case err != nil:
		t.Fatal(err)
	}
}

// patience is for a program that asks somebody who is not there.
const patience = time.Minute

// Run runs a program in a folder and gives what it said, both outputs together.
func Run(t testing.TB, dir, name string, args ...string) (string, error) {
	t.Helper()
	Need(t)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second // its children hold its output
	cmd.Dir = dir
	// LibreOffice keeps a profile below HOME; a language of the machine would change words.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Unzip opens a ZIP file with 7-Zip and gives the folder with what was in it.
func Unzip(t testing.TB, file, password string) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	out, err := Run(t, dir, SevenZip, "x", "-y", "-p"+password, file)
	if err != nil {
		return "", errors.New(out)
	}
	return dir, nil
}

// Office is LibreOffice with a profile of its own.
type Office struct {
	mu      sync.Mutex // one start of a profile at a time
	profile string
}

// NewOffice makes the profile. The command line of LibreOffice takes no password, so that a
// macro in it opens files. The first start of a profile would overwrite the macro.
func NewOffice(t testing.TB) *Office {
	t.Helper()
	o := &Office{profile: t.TempDir()}
	if out, err := o.run(t, "--terminate_after_init"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	basic := filepath.Join(o.profile, "user", "basic")
	for name, text := range map[string]string{"script.xlc": libraries, "Standard/script.xlb": library, "Standard/Module1.xba": macro} {
		if err := os.WriteFile(filepath.Join(basic, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func (o *Office) run(t testing.TB, arg string) (string, error) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	return Run(t, o.profile, LibreOffice, "--headless", "--norestore", "-env:UserInstallation=file://"+o.profile, arg)
}

// Convert opens a document and gives it in another form, by the name of the filter: "Text"
// for writing, "calc_pdf_Export" for tables.
func (o *Office) Convert(t testing.TB, file, password, filter string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "in"+filepath.Ext(file)), filepath.Join(dir, "out")
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(from, raw, 0o600); err != nil {
		return nil, err
	}
	if password == "" {
		password = "none" // Basic takes no empty argument
	}
	call := "macro:///Standard.Module1.Convert(" + strings.Join([]string{from, to, password, filter}, ",") + ")"
	out, err := o.run(t, call)
	if err != nil {
		return nil, errors.New(out)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		return nil, errors.New("LibreOffice did not open it: " + out)
	}
	return b, nil
}

const (
	libraries = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:libraries PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "libraries.dtd">
<library:libraries xmlns:library="http://openoffice.org/2000/library" xmlns:xlink="http://www.w3.org/1999/xlink">
 <library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/script.xlb/" xlink:type="simple" library:link="false"/>
</library:libraries>`
	library = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false" library:passwordprotected="false">
 <library:element library:name="Module1"/>
</library:library>`
	macro = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" script:language="StarBasic">
Sub Convert(source, target, password, filter)
  Dim opening(1) As New com.sun.star.beans.PropertyValue
  Dim storing(0) As New com.sun.star.beans.PropertyValue
  Dim doc As Object
  opening(0).Name = "Hidden"
  opening(0).Value = True
  opening(1).Name = "Password"
  opening(1).Value = password
  doc = StarDesktop.loadComponentFromURL(ConvertToURL(source), "_blank", 0, opening())
  If Not IsNull(doc) Then
    storing(0).Name = "FilterName"
    storing(0).Value = filter
    doc.storeToURL(ConvertToURL(target), storing())
    doc.close(True)
  End If
  StarDesktop.terminate()
End Sub
</script:module>`
)

// Unlock opens an Office document with msoffcrypto-tool and gives it as it was.
func Unlock(t testing.TB, file, password string) ([]byte, error) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "opened")
	out, err := Run(t, filepath.Dir(to), MSOffCrypto, "-p", password, file, to)
	if err != nil {
		return nil, errors.New(out)
	}
	return os.ReadFile(to)
}
