package host

import (
	"strings"
	"testing"
)

func TestMediaPolicyOfWindows(t *testing.T) {
	t.Parallel()
	denied := map[string]bool{}
	for _, v := range mediaPolicy() {
		if !strings.HasPrefix(v.key, `SOFTWARE\Policies\Microsoft\Windows\`) || v.name == "" {
			t.Errorf("%+v", v)
		}
		if v.text != "" {
			denied[v.text] = true
		}
	}
	for _, id := range []string{`USB\Class_08`, `USB\Class_06`, `USB\MS_COMP_MTP`} {
		if !denied[id] {
			t.Errorf("%s is not denied", id)
		}
	}
	for id := range denied { // keyboards, hubs, sound, pictures
		for _, class := range []string{"03", "09", "01", "0e"} {
			if strings.EqualFold(id, `USB\Class_`+class) {
				t.Errorf("%s is denied", id)
			}
		}
	}
}

func TestDevicesOfWindows(t *testing.T) {
	t.Parallel()
	d, ok := windowsUSB(`USB\VID_0781&PID_5567\4C530001`, []string{`USB\Class_08&SubClass_06&Prot_50`, `USB\Class_08&SubClass_06`, `USB\Class_08`})
	if !ok || d.Vendor != 0x0781 || d.Product != 0x5567 || d.Serial != "4C530001" || len(d.Interfaces) != 1 || d.Interfaces[0].Class != 8 || d.Interfaces[0].Protocol != 0x50 {
		t.Errorf("%+v, %v", d, ok)
	}
	d, ok = windowsUSB(`USB\VID_046D&PID_C31C&MI_01\7&2a8c&0&0001`, []string{`USB\Class_03&SubClass_01&Prot_01`})
	if !ok || d.Serial != "" || d.Interfaces[0].Number != 1 || d.Interfaces[0].Class != 3 {
		t.Errorf("%+v, %v", d, ok)
	}
	d, ok = windowsUSB(`USB\VID_18D1&PID_4EE1\X1`, []string{`USB\MS_COMP_MTP`, `USB\Class_FF&SubClass_FF&Prot_00`})
	if !ok || d.Interfaces[0].Name != "MTP" || d.Interfaces[0].Class != 0xff {
		t.Errorf("%+v, %v", d, ok)
	}
	for _, other := range []string{`USB\ROOT_HUB30\4&1`, `USBSTOR\DISK&VEN_X\1`, `PCI\VEN_8086&DEV_1\3`, "", `USB\x`} {
		if d, ok := windowsUSB(other, nil); ok {
			t.Errorf("%q: %+v", other, d)
		}
	}
}
