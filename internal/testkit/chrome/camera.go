package chrome

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// camera gives the browser a film of one picture in place of a camera.
func camera(t testing.TB, sees image.Image) []chromedp.ExecAllocatorOption {
	t.Helper()
	if sees == nil {
		return nil
	}
	file := filepath.Join(t.TempDir(), "camera.y4m")
	if err := os.WriteFile(file, film(sees), 0o600); err != nil {
		t.Fatal(err)
	}
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", file),
	}
}

// film is two frames of a picture in grey, as YUV4MPEG2. Its sides are made even, as the
// format wants them.
func film(img image.Image) []byte {
	b := img.Bounds()
	w, h := b.Dx()&^1, b.Dy()&^1
	var out bytes.Buffer
	fmt.Fprintf(&out, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", w, h)
	for range 2 {
		out.WriteString("FRAME\n")
		for y := range h {
			for x := range w {
				g, _ := color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray)
				out.WriteByte(g.Y)
			}
		}
		out.Write(bytes.Repeat([]byte{128}, w*h/2))
	}
	return out.Bytes()
}
