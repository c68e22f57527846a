package chrome

import (
	"context"
	"os"
	"regexp"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// sheet begins the description of one sheet in a PDF as Chromium writes it.
var sheet = regexp.MustCompile(`/Type\s*/Page\b`)

// Print prints the page on A4 as the reader would, into the file named path unless that is
// "", and gives the number of sheets.
func (p *Page) Print(path string) (sheets int) {
	p.t.Helper()
	var pdf []byte
	p.do("print", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		own := true
		out, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PreferCSSPageSize: &own})
		pdf = out.Data
		return err
	}))
	if path != "" {
		if err := os.WriteFile(path, pdf, 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	return len(sheet.FindAll(pdf, -1))
}
