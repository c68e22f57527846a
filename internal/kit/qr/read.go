package qr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// What a Reader says instead of a text.
var (
	ErrNone  = errors.New("no QR code found")      // in the picture, or none that can be read
	ErrImage = errors.New("not a picture we read") // neither JPEG nor PNG, or damaged
	ErrLarge = errors.New("the picture is too large")
)

// Bounds of a picture. A progressive JPEG costs some six bytes of memory a pixel.
const (
	MaxBytes  = 12 << 20
	MaxPixels = 25_000_000
)

// Reader reads codes from pictures that anybody may have sent. It works on a few at a
// time, because each costs memory. Make it with NewReader.
type Reader struct{ slots chan struct{} }

// NewReader makes a reader that works on so many pictures at a time.
func NewReader(pictures int) *Reader { return &Reader{slots: make(chan struct{}, max(pictures, 1))} }

// Read gives the text of a code in a JPEG or PNG picture. The error is ErrNone, ErrImage,
// ErrLarge, or ctx's own when it ended before a turn came.
func (r *Reader) Read(ctx context.Context, picture io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(picture, MaxBytes+1))
	if err != nil {
		return "", fmt.Errorf("read picture: %w", err)
	}
	if len(raw) > MaxBytes {
		return "", ErrLarge
	}
	f, known := formatOf(raw)
	if !known {
		return "", ErrImage
	}
	head, err := f.config(bytes.NewReader(raw))
	switch {
	case err != nil || head.Width < 1 || head.Height < 1:
		return "", ErrImage
	case head.Width > MaxPixels/head.Height:
		return "", ErrLarge
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	img, err := f.decode(bytes.NewReader(raw))
	if err != nil {
		return "", ErrImage
	}
	return Find(img)
}

// format reads one kind of picture.
type format struct {
	begins string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// formatOf chooses by the first bytes. It does not ask package image, with which other
// packages of a program register readers of more kinds.
func formatOf(raw []byte) (format, bool) {
	for _, f := range []format{{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode}, {"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode}} {
		if bytes.HasPrefix(raw, []byte(f.begins)) {
			return f, true
		}
	}
	return format{}, false
}

// sides are the longer sides, in pixels, to which a picture is brought in turn: a code
// that fills it is read best when small, one in a corner when large.
func sides() []int { return []int{1000, 2000, 500, 3600} }

// Find gives the text of a code in a picture, or ErrNone.
func Find(img image.Image) (string, error) {
	long := max(img.Bounds().Dx(), img.Bounds().Dy())
	tried := map[int]bool{}
	for _, side := range sides() {
		step := max((long+side-1)/side, 1)
		if tried[step] {
			continue
		}
		tried[step] = true
		if text, ok := decode(shrink(img, step)); ok {
			return text, nil
		}
	}
	return "", ErrNone
}

// shrink gives the lightness of a picture, each pixel of it the mean of step by step.
func shrink(img image.Image, step int) *image.Gray {
	b := img.Bounds()
	out := image.NewGray(image.Rect(0, 0, max(b.Dx()/step, 1), max(b.Dy()/step, 1)))
	light := lightness(img)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sum, n := 0, 0
			for dy := range min(step, b.Dy()) {
				for dx := range min(step, b.Dx()) {
					sum += light(b.Min.X+x*step+dx, b.Min.Y+y*step+dy)
					n++
				}
			}
			out.Pix[y*out.Stride+x] = byte(sum / n)
		}
	}
	return out
}

// lightness reads 0 to 255 without an interface value for each pixel where it can.
func lightness(img image.Image) func(x, y int) int {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(x, y int) int { return int(m.Y[m.YOffset(x, y)]) }
	case *image.Gray:
		return func(x, y int) int { return int(m.Pix[m.PixOffset(x, y)]) }
	}
	return func(x, y int) int {
		r, g, b, a := img.At(x, y).RGBA()
		return int((299*r+587*g+114*b)/1000+(0xffff-a)) >> 8 // what is transparent is white
	}
}

// maxCorners is how many corners of codes a picture may seem to have. The library weighs
// every three of them against each other, so that a picture full of them would keep it busy
// for hours; a sheet of labels has some two hundred.
const maxCorners = 250

// decode looks once. The picture is anybody's and the library was not written for that:
// a panic in it means that nothing was found.
func decode(img *image.Gray) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", false
	}
	corners := 0
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_TRY_HARDER: true,
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
			if corners++; corners > maxCorners {
				panic("too many corners") // the only way out of the library; caught above
			}
		}),
	})
	if err != nil {
		return "", false
	}
	text = found.GetText()
	return text, text != "" && len(text) <= MaxText && utf8.ValidString(text)
}
