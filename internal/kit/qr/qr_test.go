package qr_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/qr"
)

const address = "https://sekimori.example.co.jp/assets/USB-2026-0001"

// drawn draws a code with so many pixels a module.
func drawn(t testing.TB, text string, pixels int) *image.Gray {
	t.Helper()
	c, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, c.Size*pixels, c.Size*pixels))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	c.Runs(func(x, y, n int) {
		draw.Draw(img, image.Rect(x*pixels, y*pixels, (x+n)*pixels, (y+1)*pixels), image.Black, image.Point{}, draw.Src)
	})
	return img
}

// photo puts a code, turned by an angle, somewhere into a large grey picture with a
// shadow over it.
func photo(t testing.TB, width, height, pixels int, angle float64) image.Image {
	code := drawn(t, address, 4)
	side := float64(code.Rect.Dx())
	img := image.NewGray(image.Rect(0, 0, width, height))
	size := float64(pixels)
	cx, cy := float64(width)*0.6, float64(height)*0.45
	for y := range height {
		for x := range width {
			dx, dy := float64(x)-cx, float64(y)-cy
			u := (dx*math.Cos(angle)+dy*math.Sin(angle))/size + 0.5
			v := (-dx*math.Sin(angle)+dy*math.Cos(angle))/size + 0.5
			light := 150.0
			if u >= 0 && v >= 0 && u < 1 && v < 1 {
				light = 40 + float64(code.GrayAt(int(u*side), int(v*side)).Y)*0.75
			}
			light *= 1 - 0.4*float64(x)/float64(width)
			img.SetGray(x, y, color.Gray{Y: uint8(light)})
		}
	}
	return img
}

func TestModules(t *testing.T) {
	t.Parallel()
	c, err := qr.Encode(address)
	if err != nil {
		t.Fatal(err)
	}
	dark := 0
	c.Runs(func(x, y, n int) {
		for i := range n {
			if !c.Dark(x+i, y) {
				t.Errorf("%d,%d is not dark", x+i, y)
			}
		}
		dark += n
	})
	for y := range c.Size {
		for x := range c.Size {
			if c.Dark(x, y) {
				dark--
				if x < 4 || y < 4 || x >= c.Size-4 || y >= c.Size-4 {
					t.Errorf("%d,%d lies in the quiet zone", x, y)
				}
			}
		}
	}
	if dark != 0 {
		t.Errorf("the runs differ from the modules by %d", dark)
	}
	for _, text := range []string{"", strings.Repeat("x", qr.MaxText+1)} {
		if _, err := qr.Encode(text); err == nil {
			t.Errorf("%d bytes made a code", len(text))
		}
	}
}

func TestReadPhotographs(t *testing.T) {
	t.Parallel()
	r := qr.NewReader(1)
	for name, img := range map[string]image.Image{
		"fills the picture":      drawn(t, address, 3),
		"large":                  drawn(t, address, 40),
		"twelve megapixels":      photo(t, 4000, 3000, 700, 0.3),
		"upside down":            photo(t, 1600, 1200, 300, math.Pi+0.1),
		"a quarter turn, corner": photo(t, 1200, 1600, 260, math.Pi/2),
	} {
		for kind, write := range map[string]func(*bytes.Buffer) error{
			"png":  func(b *bytes.Buffer) error { return png.Encode(b, img) },
			"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, img, &jpeg.Options{Quality: 70}) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if got, err := r.Read(t.Context(), &b); got != address || err != nil {
				t.Errorf("%s, %s: %q, %v", name, kind, got, err)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	r := qr.NewReader(1)
	read := func(raw []byte) error {
		text, err := r.Read(t.Context(), bytes.NewReader(raw))
		if text != "" {
			t.Errorf("read %q", text)
		}
		return err
	}
	var blank, wide bytes.Buffer
	if err := png.Encode(&blank, image.NewGray(image.Rect(0, 0, 300, 300))); err != nil {
		t.Fatal(err)
	}
	// A picture of one colour is small as a file, whatever its size.
	if err := png.Encode(&wide, image.NewPaletted(image.Rect(0, 0, 5001, 5000), color.Palette{color.White})); err != nil {
		t.Fatal(err)
	}
	var moving bytes.Buffer // importing its package registers it for the whole program
	if err := gif.Encode(&moving, drawn(t, address, 4), nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"a GIF":         {moving.Bytes(), qr.ErrImage},
		"nothing on it": {blank.Bytes(), qr.ErrNone},
		"many pixels":   {wide.Bytes(), qr.ErrLarge},
		"many bytes":    {make([]byte, qr.MaxBytes+1), qr.ErrLarge},
		"empty":         {nil, qr.ErrImage},
		"a text":        {[]byte("USB-2026-0001"), qr.ErrImage},
		"cut off":       {blank.Bytes()[:blank.Len()/2], qr.ErrImage},
	} {
		if err := read(c.raw); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var one bytes.Buffer
	if err := png.Encode(&one, drawn(t, address, 3)); err != nil {
		t.Fatal(err)
	}
	busy := qr.NewReader(1)
	qr.Occupy(busy)
	if _, err := busy.Read(gone, &one); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for a turn after its caller had left: %v", err)
	}
}

// A picture that is full of the corners of codes is given up, not weighed for hours.
func TestReadGivesUpOnCornersWithoutEnd(t *testing.T) {
	t.Parallel()
	const module, pitch, across = 4, 9, 80
	side := module * pitch * across
	img := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			mx, my := x/module%pitch, y/module%pitch
			ring := max(max(mx-3, 3-mx), max(my-3, 3-my)) // 0 in the middle of a corner
			if ring == 2 || ring > 3 {
				img.Pix[y*img.Stride+x] = 255
			}
		}
	}
	done := make(chan error, 1)
	go func() { _, err := qr.Find(img); done <- err }()
	select {
	case err := <-done:
		if !errors.Is(err, qr.ErrNone) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("still weighs them")
	}
}

// FuzzRead holds that no picture brings the program down or gives a text that is too long.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, drawn(f, address, 2)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	b.Reset()
	if err := jpeg.Encode(&b, drawn(f, "x", 2), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	r := qr.NewReader(4)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if h, _, err := image.DecodeConfig(bytes.NewReader(raw)); err == nil && (h.Width > 2000 || h.Height > 2000) {
			return // bounded too, but slow
		}
		if text, _ := r.Read(t.Context(), bytes.NewReader(raw)); len(text) > qr.MaxText {
			t.Fatal(len(text))
		}
	})
}
