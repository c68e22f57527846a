package asset

import (
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/paper"
)

// StockLabels gives the labels of things, in their order, for paper.Labels: the code that
// ParseStockCode reads, the number, the kind, the company, and found, which tells whoever
// finds the thing what to do.
func StockLabels(things []Asset, words i18n.Printer, company, found, origin string) []paper.Label {
	out := make([]paper.Label, len(things))
	for i, a := range things {
		out[i] = paper.Label{Code: StockCode(origin, a.Number), Number: a.Number, Kind: words.T("asset.kind." + string(a.Kind)), Owner: company, Found: found}
	}
	return out
}
