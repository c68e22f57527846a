package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// TestPrivateFolder: other accounts of the PC read what they are shown, and nothing else.
// Wine takes the lists in and gives others back, so that there only the lists are looked at.
func TestPrivateFolder(t *testing.T) {
	if !windows.GetCurrentProcessToken().IsElevated() {
		t.Fatal("the tests must run as an administrator")
	}
	dir, err := os.MkdirTemp("", "private") // TempDir's way of removing files is not one of Wine's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, name := range []string{"key", "document", "control.sock", ""} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	})
	if err := MakePrivate(dir); err != nil {
		t.Fatal(err)
	}
	secret, shown, socket := filepath.Join(dir, "key"), filepath.Join(dir, "document"), filepath.Join(dir, "control.sock")
	for _, name := range []string{secret, shown, socket} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := MakePublic(shown); err != nil {
		t.Fatal(err)
	}
	if err := OpenSocket(socket); err != nil {
		t.Fatal(err)
	}
	emulated := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
	for name, want := range map[string]struct {
		list   string
		others bool
	}{dir: {privateFolder, false}, secret: {privateFolder, false}, shown: {publicFile, true}, socket: {openSocket, true}} {
		sd, err := windows.SecurityDescriptorFromString(want.list)
		if err == nil && !emulated {
			sd, err = windows.GetNamedSecurityInfo(name, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
		}
		if err != nil {
			t.Fatal(err)
		}
		control, _, err := sd.Control()
		if err != nil || name != secret && control&windows.SE_DACL_PROTECTED == 0 {
			t.Errorf("%s takes over who may use the folder above: %v", filepath.Base(name), err)
		}
		others := false
		for _, who := range []string{";;;BU)", ";;;WD)", ";;;AU)", ";;;IU)"} {
			others = others || strings.Contains(sd.String(), who)
		}
		if others != want.others {
			t.Errorf("%s: %v", filepath.Base(name), sd)
		}
	}
}
