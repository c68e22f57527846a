package stocks

import (
	"bytes"
	"fmt"
	"net/http"

	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
)

// file sends a part of the result as it was signed.
func file(w http.ResponseWriter, r *page.Request, name, media string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	if _, err := w.Write(body); err != nil && r.Context().Err() == nil {
		return fmt.Errorf("send %s: %w", name, err)
	}
	return nil
}

func (d Deps) part(w http.ResponseWriter, r *page.Request, end, media string, of func(asset.StockSeal) []byte) error {
	seal, err := d.Counts.StockSealOf(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	return file(w, r, r.PathValue("label")+end, media, of(seal))
}

func (d Deps) csv(w http.ResponseWriter, r *page.Request) error {
	return d.part(w, r, ".csv", "text/csv; charset=utf-8", func(s asset.StockSeal) []byte { return s.CSV })
}

func (d Deps) data(w http.ResponseWriter, r *page.Request) error {
	return d.part(w, r, ".json", "application/json", func(s asset.StockSeal) []byte { return s.Data })
}

func (d Deps) signed(w http.ResponseWriter, r *page.Request) error {
	return d.part(w, r, ".note", "text/plain; charset=utf-8", func(s asset.StockSeal) []byte { return []byte(s.Note) })
}

// pdf prints the signed result.
func (d Deps) pdf(w http.ResponseWriter, r *page.Request) error {
	seal, err := d.Counts.StockSealOf(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if _, err := asset.WriteStockPaper(&out, d.Font, d.Words, seal); err != nil {
		return fmt.Errorf("print %s: %w", seal.Stock, err)
	}
	return file(w, r, r.PathValue("label")+".pdf", "application/pdf", out.Bytes())
}
