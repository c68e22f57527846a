package passkey_test

import (
	"bytes"
	"errors"
	"testing"

	"sekimori/internal/kit/passkey"
	"sekimori/internal/testkit/authenticator"
)

const site = "https://sekimori.kaku.example"

func party(t *testing.T, site string) *passkey.Party {
	t.Helper()
	p, err := passkey.New(site, "架空商事")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func any1([]byte) error { return nil }

// made adds a device's key.
func made(t *testing.T, p *passkey.Party, d *authenticator.Device, owner string) (passkey.Key, error) {
	t.Helper()
	opts, err := p.Creation(bytes.Repeat([]byte{7}, 32), passkey.Owner{ID: owner, Login: "p1", Name: "田中"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Created(d.Create(opts), owner, any1)
}

func TestAPasskeyOfItsMaking(t *testing.T) {
	t.Parallel()
	p := party(t, site)
	d := authenticator.New(t, site, "sekimori.kaku.example")
	k, err := made(t, p, d, "per_a")
	if err != nil {
		t.Fatal(err)
	}
	challenge := bytes.Repeat([]byte{9}, 40)
	opts, err := p.Request(challenge, nil)
	if err != nil {
		t.Fatal(err)
	}
	find := func(id []byte) (passkey.Key, string, bool, error) { return k, "per_a", bytes.Equal(id, k.ID), nil }
	good := func(c []byte) error {
		if !bytes.Equal(c, challenge) {
			t.Errorf("challenge %x", c)
		}
		return nil
	}
	answer := d.Get(opts)
	shown, err := p.Asserted(answer, good, find)
	if err != nil || shown.Owner != "per_a" || shown.Copied || shown.Count != 2 {
		t.Fatalf("%+v, %v", shown, err)
	}
	k = shown.Key
	d.Count = 2 // as a copy of the device would
	if shown, err = p.Asserted(d.Get(opts), good, find); err != nil || !shown.Copied {
		t.Errorf("a count that does not grow: %+v, %v", shown, err)
	}

	own := errors.New("not this one")
	if _, err := p.Asserted(answer, func([]byte) error { return own }, find); !errors.Is(err, own) {
		t.Errorf("a challenge that is not good: %v", err)
	}
	if _, err := p.Asserted(answer, good, func([]byte) (passkey.Key, string, bool, error) { return k, "", false, own }); !errors.Is(err, own) {
		t.Errorf("a store that does not answer: %v", err)
	}
	other, err := made(t, p, authenticator.New(t, site, "sekimori.kaku.example"), "per_b")
	if err != nil {
		t.Fatal(err)
	}
	stolen := other
	stolen.ID = k.ID
	for what, f := range map[string]func() ([]byte, func([]byte) (passkey.Key, string, bool, error)){
		"another origin": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			e := *d
			e.Origin = "https://sekimori.kaku.example.evil.example"
			return e.Get(opts), find
		},
		"another site's key": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			e := *d
			e.Site = "evil.example"
			return e.Get(opts), find
		},
		"nobody verified": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			e := *d
			e.Unverified = true
			return e.Get(opts), find
		},
		"another person's handle": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			e := *d
			e.Handle = []byte("per_b")
			return e.Get(opts), find
		},
		"another key": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			return answer, func([]byte) (passkey.Key, string, bool, error) { return stolen, "per_a", true, nil }
		},
		"nobody's key": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			return answer, func([]byte) (passkey.Key, string, bool, error) { return passkey.Key{}, "", false, nil }
		},
		"no answer": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) { return []byte("{}"), find },
		"long answer": func() ([]byte, func([]byte) (passkey.Key, string, bool, error)) {
			return bytes.Repeat(answer, 100), find
		},
	} {
		a, find := f()
		if _, err := p.Asserted(a, any1, find); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAPasskeyIsMadeHere(t *testing.T) {
	t.Parallel()
	p := party(t, site)
	for what, change := range map[string]func(*authenticator.Device){
		"another origin":  func(d *authenticator.Device) { d.Origin = "http://sekimori.kaku.example" },
		"another site":    func(d *authenticator.Device) { d.Site = "evil.example" },
		"nobody verified": func(d *authenticator.Device) { d.Unverified = true },
	} {
		d := authenticator.New(t, site, "sekimori.kaku.example")
		change(d)
		if _, err := made(t, p, d, "per_a"); !errors.Is(err, passkey.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := p.Created([]byte(`{"id":"x"}`), "per_a", any1); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("no answer: %v", err)
	}
}

func TestPasskeysBelongToNames(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://sekimori.kaku.example": "sekimori.kaku.example", "http://127.0.0.1:8420": "localhost", "http://[::1]:8420": "localhost",
		"http://localhost:8420": "localhost", "https://192.0.2.7": "", "https://[2001:db8::1]:443": "",
	} {
		p, err := passkey.New(given, "")
		if err != nil || (p == nil) != (want == "") || p != nil && p.Name() != want {
			t.Errorf("%s: %v, %v", given, p, err)
		}
	}
	if _, err := passkey.New("sekimori", ""); err == nil {
		t.Error("a site that is none")
	}
}
