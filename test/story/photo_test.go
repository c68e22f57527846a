package story

import (
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/kit/qr"
)

// draw: draw FILE [TEXT] makes a PNG picture of a label whose code says TEXT, or of
// nothing.
func (s *stage) drawLabel(ts *testscript.TestScript, args []string) error {
	img := image.NewGray(image.Rect(0, 0, 480, 480))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	if len(args) > 1 {
		c, err := qr.Encode(args[1])
		if err != nil {
			return err
		}
		c.Runs(func(x, y, n int) {
			draw.Draw(img, image.Rect(60+x*7, 60+y*7, 60+(x+n)*7, 60+(y+1)*7), image.Black, image.Point{}, draw.Src)
		})
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	if err := png.Encode(f, img); err != nil {
		return err
	}
	return f.Close()
}

// put: put TOKENFILE PATH FILE is a program's upload of a file.
func (s *stage) put(ts *testscript.TestScript, args []string) error {
	token, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	f, err := os.Open(ts.MkAbs(args[2]))
	if err != nil {
		return err
	}
	defer f.Close()
	req, err := http.NewRequest("POST", ts.Getenv("URL")+args[1], f)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/octet-stream")
	s.who = "program"
	s.browsers[s.who] = newBrowser()
	return s.open(req)
}

// large: large FILE makes a file of 11 MiB that begins as a PNG picture does.
func (s *stage) large(ts *testscript.TestScript, args []string) error {
	return os.WriteFile(ts.MkAbs(args[0]), append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 11<<20)...), 0o600)
}
