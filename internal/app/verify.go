package app

import (
	"errors"
	"fmt"
	"io"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/journal"
)

// JournalReport is what a verification found.
type JournalReport = journal.Report

// VerifyJournal checks an exported journal offline: the file, the public key, and any
// checkpoints that were kept elsewhere. The error concerns the key or reading; what is
// wrong with the journal itself is in the report.
func VerifyJournal(file io.Reader, key string, kept [][]byte) (JournalReport, error) {
	verifiers, err := journalKeys(key)
	if err != nil {
		return JournalReport{}, err
	}
	var cps []journal.Checkpoint
	for n, k := range kept {
		cp, err := journal.ParseCheckpoint(k, verifiers)
		if err != nil {
			return JournalReport{}, fmt.Errorf("read kept checkpoint %d: %w", n+1, err)
		}
		cps = append(cps, cp)
	}
	return journal.Verify(file, verifiers, cps)
}

// StockVerdict is what a check of a signed stock-take found.
type StockVerdict struct {
	Intact bool              `json:"intact"`
	Reason string            `json:"reason,omitempty"` // "signature" or "content"
	Report asset.StockReport `json:"report,omitzero"`
}

// VerifyStock checks the result of a stock-take offline: the table, the data and the note
// over both, byte for byte, with the public key alone. The error concerns the key.
func VerifyStock(table, data, signed []byte, key string) (StockVerdict, error) {
	keys, err := journalKeys(key)
	if err != nil {
		return StockVerdict{}, err
	}
	r, err := asset.VerifyStock(asset.StockSeal{CSV: table, Data: data, Note: string(signed)}, keys)
	switch {
	case errors.Is(err, asset.ErrStockSignature):
		return StockVerdict{Reason: "signature"}, nil
	case err != nil:
		return StockVerdict{Reason: "content"}, nil
	}
	return StockVerdict{Intact: true, Report: r}, nil
}
