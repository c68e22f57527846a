package app

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/journal"
)

// JournalReport is what a verification found.
type JournalReport = journal.Report

// VerifyJournal checks an exported journal offline: the file, the public key, and any
// checkpoints that were kept elsewhere. The error concerns the key or reading; what is
// wrong with the journal itself is in the report.
func VerifyJournal(file io.Reader, key string, kept [][]byte) (JournalReport, error) {
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return JournalReport{}, fmt.Errorf("read public key: %w", err)
	}
	verifiers := note.VerifierList(v)
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
