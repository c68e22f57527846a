package wire

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func mediaDocument(n int) Document {
	d := Document{Device: "dev_" + strings.Repeat("0", 32), Version: 1, Issued: 1, Until: 2,
		Servers: []Server{{URL: "https://sekimori.example:8420", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 8420}},
		Media:   &Media{Mode: GuardBlock}}
	for i := range n {
		d.Media.Allowed = append(d.Media.Allowed, Medium{
			Asset: fmt.Sprintf("USB-%05d", i), Loan: fmt.Sprintf("LON-2026-%05d", i), Vendor: "0781", Product: "5567",
			Serial: fmt.Sprintf("4C53000%013d", i*7919), Token: fmt.Sprintf("tok_01k%023d", i*104729),
			From: 1_790_000_000_000_000, Until: Micros(1_790_000_000_000_000 + int64(i+1)*3_600_000_000),
		})
	}
	return d
}

func keyPair(tb testing.TB) (note.Signer, note.Verifiers) {
	tb.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "sekimori.example")
	if err != nil {
		tb.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		tb.Fatal(err)
	}
	return s, note.VerifierList(v)
}

// TestTenThousandMedia: what a PC of the worst case gets is small on the way.
func TestTenThousandMedia(t *testing.T) {
	t.Parallel()
	s, v := keyPair(t)
	d := mediaDocument(10_000)
	signed, err := d.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(signed)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d compressed", len(signed), b.Len())
	if b.Len() > 1<<20 {
		t.Errorf("%d bytes compressed", b.Len())
	}
	got, err := OpenDocument(signed, v, d.Device, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Media.Allowed) != 10_000 || got.Media.Allowed[9_999] != d.Media.Allowed[9_999] {
		t.Errorf("%d media came back", len(got.Media.Allowed))
	}
}

func BenchmarkOpenTenThousandMedia(b *testing.B) {
	s, v := keyPair(b)
	d := mediaDocument(10_000)
	signed, err := d.Sign(s)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(signed)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenDocument(signed, v, d.Device, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMediaOfADocumentAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := keyPair(t)
	for what, change := range map[string]func(*Media){
		"mode":         func(m *Media) { m.Mode = "perhaps" },
		"vendor":       func(m *Media) { m.Allowed[0].Vendor = "07G1" },
		"short vendor": func(m *Media) { m.Allowed[0].Vendor = "781" },
		"product":      func(m *Media) { m.Allowed[0].Product = "" },
		"no asset":     func(m *Media) { m.Allowed[0].Asset = "" },
		"long serial":  func(m *Media) { m.Allowed[0].Serial = strings.Repeat("x", 600) },
		"no time":      func(m *Media) { m.Allowed[0].Until = m.Allowed[0].From },
		"too many":     func(m *Media) { m.Allowed = make([]Medium, MaxMedia+1) },
		"registration": func(m *Media) { m.Register = &Registration{ID: "reg_1", Asset: "USB-1", Until: 5} },
	} {
		d := mediaDocument(1)
		change(d.Media)
		if _, err := d.Sign(s); !errors.Is(err, ErrDocument) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestACardIsAMedium: of a card in a reader that is built in, maker and OEM stand where USB
// has vendor and product, and its CID is the serial.
func TestACardIsAMedium(t *testing.T) {
	t.Parallel()
	s, v := keyPair(t)
	d := mediaDocument(1)
	m := &d.Media.Allowed[0]
	m.Vendor, m.Product, m.Serial = "0003", "5344", "03534453553332478012345678013a"
	signed, err := d.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenDocument(signed, v, d.Device, 0)
	if err != nil || len(got.Media.Allowed) != 1 || got.Media.Allowed[0] != *m {
		t.Errorf("%+v, %v", got.Media, err)
	}
}

func FuzzIsCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"a":1,"b":"x"}`, `{"b":1,"a":2}`, `{"a":1,"a":1}`, `-0`, `01`, `1.0`, `"\u0008"`, `"\b"`, `"\u001f"`,
		`"\/"`, `"é"`, "\"\u2028\"", `[1,-2,true,null]`, `[1, 2]`, `"\u0041"`, `{"\n":1}`, "\"\xff\"", `[[[[]]]]`, `tru`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !isCanonical(string(raw)) {
			return
		}
		same, err := recanon(raw)
		if err != nil || !bytes.Equal(same, raw) {
			t.Errorf("%q is taken for canonical; it is %q, %v", raw, same, err)
		}
	})
}

// FuzzTakeMedia: the quick way reads what encoding/json reads.
func FuzzTakeMedia(f *testing.F) {
	d := mediaDocument(3)
	d.Media.Allowed[1].ReadOnly, d.Media.Allowed[2].Serial = true, "a\"\\\u0001é"
	raw, err := canonical(d)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw))
	f.Add(`{"media":{"allowed":[{"a":"x","z":{"y":[1]}},{"f":-3}]}}`)
	f.Add(`{"media":{"allowed":[{"f":9223372036854775808}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		if !isCanonical(body) {
			return
		}
		media, without, ok := takeMedia(body)
		if !ok {
			return
		}
		var slow, quick Document
		if json.Unmarshal([]byte(body), &slow) != nil {
			return // the rest of it is refused either way
		}
		if err := json.Unmarshal([]byte(without), &quick); err != nil || quick.Media == nil {
			t.Fatalf("%q: %v", without, err)
		}
		quick.Media.Allowed = media
		if strings.ToLower(body) == body && !reflect.DeepEqual(slow, quick) { // encoding/json takes names in any case
			t.Errorf("%q: %+v, not %+v", body, quick.Media, slow.Media)
		}
	})
}

func FuzzOpenMedium(f *testing.F) {
	s, v := keyPair(f)
	good, err := SignMedium(MediumToken{ID: "tok_1", Asset: "USB-1"}, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("sekimori medium v1\ntok_1\nUSB-1\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := OpenMedium(text, v)
		if err == nil && (m.ID == "" || m.Asset == "") {
			t.Errorf("%q: %+v", text, m)
		}
	})
}

func TestMediumToken(t *testing.T) {
	t.Parallel()
	s, v := keyPair(t)
	_, others := keyPair(t)
	want := MediumToken{ID: "tok_1", Asset: "USB-0001"}
	signed, err := SignMedium(want, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenMedium(signed, v); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := OpenMedium(signed, others); !errors.Is(err, ErrSignature) {
		t.Errorf("of another company: %v", err)
	}
	if _, err := OpenMedium(strings.Replace(signed, "USB-0001", "USB-0002", 1), v); !errors.Is(err, ErrSignature) {
		t.Errorf("forged: %v", err)
	}
	d, err := mediaDocument(1).Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMedium(d, v); err == nil {
		t.Error("a desired state is taken for a token")
	}
	if _, err := SignMedium(MediumToken{ID: "a\nb", Asset: "c"}, s); !errors.Is(err, ErrForm) {
		t.Errorf("two lines: %v", err)
	}
}
