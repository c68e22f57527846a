package app

import (
	"slices"
	"testing"

	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/wire"
)

// The agent knows the kinds by its own list, because it holds no rules.
func TestPCsKnowTheKinds(t *testing.T) {
	t.Parallel()
	var want []string
	for _, k := range incident.Kinds() {
		want = append(want, string(k))
	}
	if got := wire.Kinds(); !slices.Equal(got, want) {
		t.Errorf("PCs know %v, the rules %v", got, want)
	}
}

// What was told from a PC names the PC and its account, after the person's own words.
func TestToldByWhom(t *testing.T) {
	t.Parallel()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	say, pc := cat.Printer(i18n.EN), device.Device{Name: "PC-0042"}
	for _, c := range []struct {
		in   wire.Infection
		want string
	}{
		{wire.Infection{Note: "left on the train", User: "hanako"}, "left on the train\n\nTold from the PC PC-0042, by the PC's account hanako (the PC's own word)."},
		{wire.Infection{User: "hanako"}, "Told from the PC PC-0042, by the PC's account hanako (the PC's own word)."},
		{wire.Infection{}, "Told from the PC PC-0042; by which account of it is not known (the PC's own word)."},
	} {
		if got := toldBy(say, c.in, pc); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
