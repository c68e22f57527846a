package host

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// aRegistry is a policyStore of the tests: key and name to a number or a text.
type aRegistry struct {
	values map[string]any
	wrote  []string // in the order of writing, each once
	left   int      // writes until they fail; below 0 they never do
}

func (r *aRegistry) number(key, name string) (uint32, bool, error) {
	n, is := r.values[key+"!"+name].(uint32)
	return n, is, nil
}

func (r *aRegistry) set(key, name string, v any) error {
	if r.left == 0 {
		return errors.New("the registry is full")
	}
	r.left--
	r.values[key+"!"+name] = v
	r.wrote = append(r.wrote, name)
	return nil
}

func (r *aRegistry) setNumber(key, name string, n uint32) error { return r.set(key, name, n) }
func (r *aRegistry) setText(key, name, text string) error       { return r.set(key, name, text) }

func (r *aRegistry) clear(key, name string) error {
	delete(r.values, key+"!"+name)
	return nil
}

func (r *aRegistry) names(key string) (out []string, _ error) {
	for _, at := range slices.Sorted(maps.Keys(r.values)) {
		if name, is := strings.CutPrefix(at, key+"!"); is {
			out = append(out, name)
		}
	}
	return out, nil
}

func registryOf(values map[string]any) *aRegistry {
	return &aRegistry{values: maps.Clone(values), left: -1}
}

const aStickOfWindows = `USB\VID_0781&PID_5567\4C530001`

func TestPolicyComesAndGoes(t *testing.T) {
	t.Parallel()
	for what, before := range map[string]map[string]any{
		"nothing was there": {},
		"a policy of the company": {
			restrictions + "!DenyDeviceIDs": uint32(1), denyIDs + "!1": `PCI\CC_0C00`,
			restrictions + "!DenyDeviceIDsRetroactive": uint32(0),
			restrictions + "!AllowInstanceIDs":         uint32(0), allowInstances + "!1": `USB\VID_1&PID_2\X`,
			restrictions + "!AllowDenyLayered":                             uint32(0),
			portable + `\{6AC27878-A6FA-4155-BA85-F98F491D4F33}!Deny_Read`: uint32(1),
		},
		"what is not described is prevented": {restrictions + "!DenyUnspecified": uint32(1)},
	} {
		for fails := -1; fails < 30; fails++ {
			r := registryOf(before)
			r.left = fails
			err := holdPolicy(r, []string{aStickOfWindows})
			r.left = -1
			if fails < 0 {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				for i := range 2 { // again and again, and with another list
					if err := holdPolicy(r, make([]string, 0, i)); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			if err := releasePolicy(r); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if !maps.Equal(r.values, before) {
				t.Errorf("%s, failing after %d writes: left %v, of %v", what, fails, r.values, before)
			}
			if err := releasePolicy(r); err != nil || !maps.Equal(r.values, before) {
				t.Errorf("%s: released twice: %v, %v", what, r.values, err)
			}
		}
	}
}

func TestPolicyAllowsBeforeItDenies(t *testing.T) {
	t.Parallel()
	r := registryOf(nil)
	r.values = map[string]any{}
	if err := holdPolicy(r, []string{aStickOfWindows}); err != nil {
		t.Fatal(err)
	}
	entry := allowEntry(aStickOfWindows)
	if r.values[entry.key+"!"+entry.name] != aStickOfWindows || r.values[restrictions+"!AllowDenyLayered"] != uint32(1) || r.values[restrictions+"!AllowInstanceIDs"] != uint32(1) {
		t.Errorf("%v", r.values)
	}
	at := func(name string) int { return slices.Index(r.wrote, name) }
	if at(entry.name) < 0 || !(at(entry.name) < at("AllowInstanceIDs") && at("AllowInstanceIDs") < at("AllowDenyLayered") && at("AllowDenyLayered") < at("sekimori1") && at("sekimori4") < at("DenyDeviceIDs")) {
		t.Errorf("%q", r.wrote)
	}
	r.wrote = nil
	if err := holdPolicy(r, nil); err != nil {
		t.Fatal(err)
	}
	if _, is := r.values[entry.key+"!"+entry.name]; is {
		t.Error("what is not lent any more is still allowed")
	}
	if r.values[denyIDs+"!sekimori1"] != `USB\Class_08` || slices.Contains(r.wrote, "DenyDeviceIDs") {
		t.Errorf("%v, wrote %q", r.values, r.wrote)
	}
}

// TestPolicyOfTheCompanyIsNotWeakened: layered evaluation would switch DenyUnspecified off.
func TestPolicyOfTheCompanyIsNotWeakened(t *testing.T) {
	t.Parallel()
	r := registryOf(map[string]any{})
	if err := holdPolicy(r, []string{aStickOfWindows}); err != nil {
		t.Fatal(err)
	}
	r.values[restrictions+"!DenyUnspecified"] = uint32(1) // since
	if err := holdPolicy(r, []string{aStickOfWindows}); err != nil {
		t.Fatal(err)
	}
	if _, is := r.values[restrictions+"!AllowDenyLayered"]; is {
		t.Error("it is layered")
	}
	if names, _ := r.names(allowInstances); len(names) != 0 {
		t.Errorf("%q", names)
	}
	if r.values[denyIDs+"!sekimori1"] != `USB\Class_08` {
		t.Error("and storage is not denied")
	}
}

// TestPolicyOfAnEarlierVersion: it did not remember, so what stands there is ours.
func TestPolicyOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	r := registryOf(map[string]any{})
	for _, v := range mediaPolicy(false, nil) {
		if err := put(r, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(holdPolicy(r, nil), releasePolicy(r)); err != nil || len(r.values) != 0 {
		t.Errorf("%v, %v", r.values, err)
	}
}

// TestPolicyOfOthersSince: a list that somebody else has begun meanwhile goes on counting.
func TestPolicyOfOthersSince(t *testing.T) {
	t.Parallel()
	r := registryOf(map[string]any{})
	if err := holdPolicy(r, nil); err != nil {
		t.Fatal(err)
	}
	r.values[denyIDs+"!1"] = `PCI\CC_0C00`
	if err := releasePolicy(r); err != nil || r.values[restrictions+"!DenyDeviceIDs"] != uint32(1) || r.values[denyIDs+"!sekimori1"] != nil || r.values[restrictions+"!AllowInstanceIDs"] != nil {
		t.Errorf("%v, %v", r.values, err)
	}
}

func TestPolicyMayAllow(t *testing.T) {
	t.Parallel()
	for instance, c := range map[string]struct {
		compatible []string
		may        bool
	}{
		aStickOfWindows:                          {[]string{`USB\Class_08&SubClass_06&Prot_50`}, true},
		`USB\VID_0781&PID_5567\5&2A8C&0&3`:       {[]string{`USB\Class_08&SubClass_06&Prot_50`}, false},
		`USB\VID_0781&PID_5567&MI_00\7&1&0&0000`: {[]string{`USB\Class_08&SubClass_06&Prot_62`}, false},
		`USB\VID_18D1&PID_4EE1\X1`:               {[]string{`USB\MS_COMP_MTP`, `USB\Class_FF`}, false},
		`USB\VID_04A9&PID_3200\X2`:               {[]string{`USB\Class_06&SubClass_01&Prot_01`}, false},
	} {
		d, ok := windowsUSB(instance, c.compatible)
		if err := allowable(d); !ok || (err == nil) != c.may {
			t.Errorf("%s: %v", instance, err)
		}
	}
}

func TestMediaPolicyOfWindows(t *testing.T) {
	t.Parallel()
	denied := map[string]bool{}
	for _, v := range mediaPolicy(true, nil) {
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
