// Package poppler reads PDF files in tests with the programs of poppler-utils: what a
// file says and what it looks like, as another program than ours sees it.
package poppler

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os/exec"
	"testing"
)

// Package is the Debian package that a message names when the programs are missing.
const Package = "poppler-utils"

// Find says what is missing; nil when nothing is.
func Find() error {
	for _, name := range []string{"pdftotext", "pdftoppm"} {
		if _, err := exec.LookPath(name); err != nil {
			return errors.New("no " + name + " found: install the Debian package " + Package)
		}
	}
	return nil
}

// Need skips the test under -short when the programs are missing, and fails it otherwise.
func Need(t testing.TB) {
	t.Helper()
	switch err := Find(); {
	case err != nil && testing.Short():
		t.Skipf("skipped under -short: %v", err)
	case err != nil:
		t.Fatal(err)
	}
}

// Text is what a PDF file says, laid out as on its pages, with a form feed after each.
func Text(t testing.TB, pdf []byte) string {
	t.Helper()
	Need(t)
	return string(run(t, pdf, "pdftotext", "-layout", "-enc", "UTF-8", "-", "-"))
}

// Page draws one page, counted from 1, with so many dots per inch.
func Page(t testing.TB, pdf []byte, page, dpi int) image.Image {
	t.Helper()
	Need(t)
	n := fmt.Sprint(page)
	img, err := png.Decode(bytes.NewReader(run(t, pdf, "pdftoppm", "-png", "-r", fmt.Sprint(dpi), "-f", n, "-l", n, "-")))
	if err != nil {
		t.Fatalf("page %d as a picture: %v", page, err)
	}
	return img
}

func run(t testing.TB, pdf []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(pdf), &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", program, err, stderr.Bytes())
	}
	return out
}
