package wire

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// signingKey is a key of a server, in the three forms in which it is used.
type signingKey struct {
	note.Signer
	verifier note.Verifier
	public   string
}

func signingKeys(t *testing.T, n int) []signingKey {
	t.Helper()
	out := make([]signingKey, n)
	for i := range out {
		out[i].Signer, out[i].verifier, out[i].public = keys(t, "sekimori.example")
	}
	return out
}

func changed(t *testing.T, from, to signingKey) string {
	t.Helper()
	s, err := SignKeyChange(to.public, from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func retired(t *testing.T, by signingKey, of ...signingKey) string {
	t.Helper()
	var names []string
	for _, k := range of {
		names = append(names, KeyName(k))
	}
	s, err := SignRetirement(names, by)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func believes(t *testing.T, trust Trust, k signingKey) bool {
	t.Helper()
	vs, err := trust.Verifiers()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := document(1).Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenDocument(signed, vs, document(1).Device, 0)
	if err != nil && !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
	return err == nil
}

// TestTrustFollows walks every way that a list of statements can be brought to a PC, by the
// server and by whoever stole a key.
func TestTrustFollows(t *testing.T) {
	t.Parallel()
	k := signingKeys(t, 5)
	first, second, third, thief, stranger := k[0], k[1], k[2], k[3], k[4]
	routine := changed(t, first, second)
	end := []string{routine, changed(t, second, third), retired(t, third, first, second)}
	for name, c := range map[string]struct {
		statements []string
		want       []signingKey // whom it believes after
	}{
		"nothing":                                     {nil, []signingKey{first}},
		"a routine change":                            {[]string{routine}, []signingKey{first, second}},
		"a routine change, twice":                     {[]string{routine, routine}, []signingKey{first, second}},
		"through two changes, and the end":            {end, []signingKey{third}},
		"out of order":                                {[]string{end[2], end[1], end[0]}, []signingKey{first, second}},
		"a stranger":                                  {[]string{changed(t, stranger, thief), retired(t, stranger, first)}, []signingKey{first}},
		"garbage":                                     {[]string{"", "x", routine[1:], routine}, []signingKey{first, second}},
		"the stolen key names another successor":      {[]string{routine, changed(t, first, thief)}, []signingKey{first, second}},
		"the stolen key retires its successor":        {[]string{routine, retired(t, first, second)}, []signingKey{first, second}},
		"a retired key names a successor":             {append(slices.Clone(end), changed(t, first, thief), changed(t, second, thief)), []signingKey{third}},
		"a retired key is named again":                {append(slices.Clone(end), changed(t, third, first)), []signingKey{third}},
		"a retirement that was cut out of the answer": {end[:2], []signingKey{first, second, third}},
		"the thief speaks first, and is believed":     {append([]string{changed(t, first, thief), retired(t, thief, first)}, end...), []signingKey{thief}},
	} {
		trust := Trust{Keys: []string{first.public}}
		before := len(trust.Keys)
		if got := trust.Follow(c.statements); got != (len(c.want) != before || !believes(t, trust, first)) {
			t.Errorf("%s: changed is %v", name, got)
		}
		for _, key := range k {
			if got, want := believes(t, trust, key), slices.ContainsFunc(c.want, func(w signingKey) bool { return w.public == key.public }); got != want {
				t.Errorf("%s: key %d is believed: %v", name, slices.IndexFunc(k, func(x signingKey) bool { return x.public == key.public }), got)
			}
		}
		if trust.Follow(c.statements) && name != "out of order" {
			t.Errorf("%s: the same again changes something", name)
		}
	}
}

// TestTrustHeeds: the desired state itself says which keys are over, so that nobody on the
// way can keep it from a PC.
func TestTrustHeeds(t *testing.T) {
	t.Parallel()
	k := signingKeys(t, 2)
	said := func(by signingKey, names ...string) (Document, string) {
		t.Helper()
		d := document(1)
		d.Retired = names
		signed, err := d.Sign(by)
		if err != nil {
			t.Fatal(err)
		}
		return d, signed
	}
	trust := Trust{Keys: []string{k[0].public, k[1].public}}
	if d, signed := said(k[0], KeyName(k[1])); trust.Heed(d, signed) || len(trust.Keys) != 2 {
		t.Error("an older key has retired the newest")
	}
	if d, signed := said(k[1], KeyName(k[1])); trust.Heed(d, signed) || len(trust.Keys) != 2 {
		t.Error("the newest key has retired itself")
	}
	d, signed := said(k[1], KeyName(k[0]), "of a time before this PC")
	if !trust.Heed(d, signed) || believes(t, trust, k[0]) || !believes(t, trust, k[1]) {
		t.Errorf("it believes %v", trust)
	}
	if trust.Heed(d, signed) {
		t.Error("the same again changes something")
	}
}

func TestStatementsOfAServer(t *testing.T) {
	t.Parallel()
	k := signingKeys(t, 3)
	list := []string{changed(t, k[0], k[1]), changed(t, k[1], k[2]), retired(t, k[2], k[0], k[1]), "garbage"}
	sorted := func(of ...signingKey) (names []string) {
		for _, x := range of {
			names = append(names, KeyName(x))
		}
		slices.Sort(names)
		return names
	}
	if got := RetiredKeys(list); !slices.Equal(got, sorted(k[0], k[1])) {
		t.Errorf("retired are %v", got)
	}
	if got := SigningKeys(list[:2]); !slices.Equal(got, sorted(k[0], k[1])) {
		t.Errorf("signed have %v", got)
	}
	if _, err := SignRetirement([]string{KeyName(k[0])}, k[0]); err == nil {
		t.Error("a key has retired itself")
	}
	if _, err := SignRetirement(nil, k[0]); err == nil {
		t.Error("a retirement of nothing was signed")
	}
	// What an older agent does with a retirement: it is no key change.
	if _, err := OpenKeyChange(list[2], note.VerifierList(k[2].verifier)); !errors.Is(err, ErrForm) {
		t.Errorf("a retirement taken for a key change: %v", err)
	}
}
