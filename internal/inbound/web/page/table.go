package page

import (
	"bytes"
	"fmt"
	"iter"
	"net/http"

	"sekimori/internal/kit/sheet"
)

// Table sends a table as a file in the encoding that the request's enc asks for. It is
// whole before the first byte goes out, so that a failure is an error page and never
// half a file. failed, where there is one, is asked after the rows.
func (r *Request) Table(w http.ResponseWriter, name string, header []string, rows iter.Seq[[]string], failed ...func() error) error {
	enc, err := sheet.Chosen(r.URL.Query().Get("enc"))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if _, err := sheet.Write(&out, enc, header, rows); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	for _, f := range failed {
		if err := f(); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", enc.Type())
	h.Set("Content-Disposition", `attachment; filename="`+name+"-"+r.Kit.Now().In(r.Kit.Zone).Format("20060102-1504")+`.csv"`)
	h.Set("Cache-Control", "no-store")
	if _, err := out.WriteTo(w); err != nil && r.Context().Err() == nil {
		return fmt.Errorf("send %s: %w", name, err)
	}
	return nil
}
