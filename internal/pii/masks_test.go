package pii

import (
	"math/rand/v2"
	"testing"
)

// The two ways of making the masks give the same, for any bytes.
func FuzzMasks(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Add([]byte("電話 03-1234-5678 神奈川県 〒100 様 @ \x1B$B 電話:０９０\x82\x4F\x93\x73"))
	d := testDetector(f, Options{})
	if !d.triggers.fast {
		f.Log("this processor has no byte shuffles: the plain way is compared with itself")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := min((len(b)+63)/64, blocks)
		padded := make([]byte, n*64+beyond)
		copy(padded, b)
		for _, set := range d.triggers.sets {
			compareMasks(t, d.triggers, set, padded, n)
		}
	})
}

func compareMasks(t *testing.T, d *triggers, set *needles, b []byte, n int) {
	var fast, plain masks
	d.fill64(set, &fast, b, n)
	d.fillPlain(set, &plain, b, n)
	for k := range n {
		if fast.digit[k] != plain.digit[k] || fast.joint[k] != plain.joint[k] || fast.trigger[k] != plain.trigger[k] {
			t.Fatalf("block %d: %x %x %x, want %x %x %x", k, fast.digit[k], fast.joint[k], fast.trigger[k],
				plain.digit[k], plain.joint[k], plain.trigger[k])
		}
	}
}
