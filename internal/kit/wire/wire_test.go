package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

var testTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func keys(t testing.TB, name string) (note.Signer, note.Verifier, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return s, v, vkey
}

func device(b byte) string { return DeviceID(ed25519.PublicKey(bytes.Repeat([]byte{b}, 32))) }

func document(version int64) Document {
	return Document{
		Device: device(1), Version: version, Issued: MicrosOf(testTime), Until: MicrosOf(testTime.Add(time.Hour)),
		Servers: []Server{{URL: "https://sekimori.example:8420", Port: 8420,
			Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}}},
		Isolation: Isolation{On: true, Order: "ord_1", Since: MicrosOf(testTime), Local: 2},
		Contacts:  []Contact{{Role: "it_admin", Name: "山本 健 <IT>", Phone: "03-0000-0001"}},
	}
}

func TestDocumentComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, "sekimori.example")
	signed, err := document(7).Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := document(7).Sign(s); err != nil || again != signed {
		t.Errorf("signed twice differs: %v", err)
	}
	d, err := OpenDocument(signed, note.VerifierList(v), device(1), 7)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Isolation.On || d.Version != 7 || d.Contacts[0].Name != "山本 健 <IT>" || len(d.Servers[0].Addrs) != 2 {
		t.Errorf("came back as %+v", d)
	}
}

func TestDocumentRefused(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, "sekimori.example")
	other, _, _ := keys(t, "sekimori.example")
	good, err := document(7).Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := document(7).Sign(other)
	if err != nil {
		t.Fatal(err)
	}
	spaced, err := note.Sign(&note.Note{Text: strings.Replace(strings.SplitAfter(good, "\n")[0], `,"device"`, `, "device"`, 1)}, s)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := SignTicket(device(1), 1, s)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed, device string
		newest         int64
		want           error
	}{
		"older":            {good, device(1), 8, ErrOlder},
		"another device's": {good, device(2), 0, ErrDevice},
		"another key":      {foreign, device(1), 0, ErrSignature},
		"changed":          {strings.Replace(good, `"on":true`, `"on":false`, 1), device(1), 0, ErrSignature},
		"cut":              {good[:len(good)/2], device(1), 0, ErrSignature},
		"not canonical":    {string(spaced), device(1), 0, ErrForm},
		"another note":     {ticket, device(1), 0, ErrDocument},
		"too long":         {strings.Repeat("x", MaxDocument+1), device(1), 0, ErrDocument},
		"empty":            {"", device(1), 0, ErrSignature},
	} {
		if _, err := OpenDocument(c.signed, note.VerifierList(v), c.device, c.newest); !errors.Is(err, c.want) || !errors.Is(err, ErrDocument) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestUnfitDocumentIsNotSigned(t *testing.T) {
	t.Parallel()
	s, _, _ := keys(t, "sekimori.example")
	for name, change := range map[string]func(*Document){
		"no version":    func(d *Document) { d.Version = 0 },
		"no server":     func(d *Document) { d.Servers = nil },
		"no address":    func(d *Document) { d.Servers[0].Addrs = nil },
		"any address":   func(d *Document) { d.Servers[0].Addrs = []netip.Addr{netip.IPv4Unspecified()} },
		"no order":      func(d *Document) { d.Isolation.Order = "" },
		"order's path":  func(d *Document) { d.Isolation.Order = "x/../../cron.d/x" },
		"line in text":  func(d *Document) { d.Company = "a\u2028b" },
		"foreign id":    func(d *Document) { d.Device = "dev_1" },
		"time backward": func(d *Document) { d.Until = d.Issued - 1 },
	} {
		d := document(1)
		change(&d)
		if _, err := d.Sign(s); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestKeyChange(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, "sekimori.example")
	other, _, _ := keys(t, "sekimori.example")
	_, _, next := keys(t, "sekimori.example")
	signed, err := SignKeyChange(next, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenKeyChange(signed, note.VerifierList(v)); err != nil || got != next {
		t.Errorf("got %q, %v", got, err)
	}
	forged, err := SignKeyChange(next, other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyChange(forged, note.VerifierList(v)); !errors.Is(err, ErrSignature) {
		t.Errorf("signed by a stranger: %v", err)
	}
	if doc, _ := document(1).Sign(s); doc != "" {
		if _, err := OpenKeyChange(doc, note.VerifierList(v)); !errors.Is(err, ErrForm) {
			t.Errorf("a document taken for a key change: %v", err)
		}
	}
}

func TestTicket(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, "sekimori.example")
	signed, err := SignTicket(device(1), 42, s)
	if err != nil {
		t.Fatal(err)
	}
	if until, err := OpenTicket(signed, note.VerifierList(v), device(1)); err != nil || until != 42 {
		t.Errorf("got %d, %v", until, err)
	}
	if _, err := OpenTicket(signed, note.VerifierList(v), device(2)); !errors.Is(err, ErrDevice) {
		t.Errorf("for another device: %v", err)
	}
}

func TestReleaseCode(t *testing.T) {
	t.Parallel()
	secret := bytes.Repeat([]byte{7}, 32)
	c, err := NewChallenge(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	code := ReleaseCode(secret, device(1), c)
	if got, ok := ParseCode("　" + code[:5] + " － " + code[5:]); !ok || got != code {
		t.Errorf("code as typed: %q %v", got, ok)
	}
	wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
	if got, ok := ParseCode(wide); !ok || got != code {
		t.Errorf("full-width code: %q %v", got, ok)
	}
	for name, other := range map[string]string{
		"device":    ReleaseCode(secret, device(2), c),
		"secret":    ReleaseCode(bytes.Repeat([]byte{8}, 32), device(1), c),
		"challenge": ReleaseCode(secret, device(1), c[:7]+"x"),
	} {
		if SameCode(code, other) {
			t.Errorf("another %s gives the same code", name)
		}
	}
}

func TestSlipsAreFound(t *testing.T) {
	t.Parallel()
	c, err := NewChallenge(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(c) != challengeDigits {
		t.Fatalf("challenge %q", c)
	}
	for i := range c {
		for d := byte('0'); d <= '9'; d++ {
			b := []byte(c)
			if b[i] == d {
				continue
			}
			b[i] = d
			if _, ok := ParseChallenge(string(b)); ok {
				t.Errorf("%s taken for %s", b, c)
			}
		}
		if i > 0 && c[i] != c[i-1] {
			b := []byte(c)
			b[i], b[i-1] = b[i-1], b[i]
			if _, ok := ParseChallenge(string(b)); ok {
				t.Errorf("%s taken for %s", b, c)
			}
		}
	}
	for _, s := range []string{"", "123", c + "0", "abcdefgh", c[:4] + "x" + c[4:]} {
		if _, ok := ParseChallenge(s); ok {
			t.Errorf("%q taken", s)
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	var got []int64
	beats := 0
	text := Beat + Nudge(42) + "event: x\r\ndata: 43\r\n\r\ndata: nonsense\n\ndata:-1\n\n" + Beat
	err := ReadStream(strings.NewReader(text), func() { beats++ }, func(v int64) { got = append(got, v) })
	if !errors.Is(err, io.ErrUnexpectedEOF) || beats != 2 || len(got) != 2 || got[0] != 42 || got[1] != 43 {
		t.Errorf("got %v, %d beats, %v", got, beats, err)
	}
	if err := ReadStream(strings.NewReader(strings.Repeat("x", maxLine+10)), func() {}, func(int64) {}); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("long line: %v", err)
	}
}

// A dry run is told in one form, whichever one it came in, and nothing else is changed.
func TestDryRunInOneForm(t *testing.T) {
	for _, f := range []IsolationFact{{State: IsolationDryRun}, {State: IsolationApplied, DryRun: true}, {State: IsolationProven, DryRun: true}} {
		if got := f.InOneForm(); got.State != IsolationDryRun || !got.DryRun {
			t.Errorf("%+v became %+v", f, got)
		}
	}
	for _, f := range []IsolationFact{{State: IsolationOff, DryRun: true}, {State: IsolationFailing, DryRun: true}, {State: IsolationApplied}, {State: IsolationProven}} {
		if got := f.InOneForm(); got.State != f.State || got.DryRun != f.DryRun {
			t.Errorf("%+v became %+v", f, got)
		}
	}
}

func TestDeviceID(t *testing.T) {
	t.Parallel()
	id := device(1)
	if !ValidDeviceID(id) || id == device(2) {
		t.Errorf("id %q", id)
	}
	for _, s := range []string{"", "dev_", id + "0", "dev_" + strings.Repeat("!", 32), strings.ToUpper(id)} {
		if ValidDeviceID(s) {
			t.Errorf("%q is valid", s)
		}
	}
}

func FuzzOpenDocument(f *testing.F) {
	s, v, _ := keys(f, "sekimori.example")
	good, err := document(3).Sign(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("{}\n\n— sekimori.example AAAA\n")
	f.Fuzz(func(t *testing.T, signed string) {
		if _, err := OpenDocument(signed, note.VerifierList(v), device(1), 0); err == nil && signed != good {
			t.Errorf("opened %q", signed)
		}
	})
}

func FuzzRecanon(f *testing.F) {
	f.Add([]byte(`{"b":1,"a":["\u00e9",true,null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		once, err := recanon(raw)
		if err != nil {
			return
		}
		if twice, err := recanon(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q, then %q, %v", once, twice, err)
		}
	})
}

func FuzzReadStream(f *testing.F) {
	f.Add([]byte(Beat + Nudge(1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ReadStream(bytes.NewReader(raw), func() {}, func(v int64) {
			if v <= 0 {
				t.Errorf("version %d", v)
			}
		})
	})
}

func FuzzParseCode(f *testing.F) {
	f.Add("12345-67890")
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := ParseCode(s); ok && len(d) != codeDigits {
			t.Errorf("%q gave %q", s, d)
		}
	})
}
