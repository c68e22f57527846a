package host

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Who may do what with the agent's files. Windows knows no modes, and what lies under
// ProgramData is everybody's to read: the device's key and the secret of the release
// codes must not be.
const (
	privateFolder = "O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)" // the system and administrators, and no heirs of what stands above
	publicFile    = "O:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;BU)"
	openSocket    = "O:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FRFW;;;BU)" // who may write to its file may connect
)

// MakePrivate closes a folder, with all that is in it, to everybody but the system and
// administrators. Where this process is not an administrator's the folder is a person's
// own, and stays as it is.
func MakePrivate(dir string) error { return allowOnly(dir, privateFolder) }

// MakePublic lets every account of the PC read a file of such a folder.
func MakePublic(file string) error { return allowOnly(file, publicFile) }

// OpenSocket lets every account of the PC connect to a socket of such a folder.
func OpenSocket(name string) error { return allowOnly(name, openSocket) }

func allowOnly(name, who string) error {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return nil
	}
	sd, err := windows.SecurityDescriptorFromString(who)
	if err != nil {
		return fmt.Errorf("read the list of who may: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("read the list of who may: %w", err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("read the list of who may: %w", err)
	}
	const what = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(name, windows.SE_FILE_OBJECT, what, owner, nil, dacl, nil); err != nil {
		return fmt.Errorf("say who may use %s: %w", name, err)
	}
	return nil
}
