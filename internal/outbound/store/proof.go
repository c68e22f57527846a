package store

import "context"

// proofWanted is the name in meta of whether a link alone does not answer.
const proofWanted = "confirm_links"

// SaveProofWanted keeps whether a link alone does not answer.
func (t *txn) SaveProofWanted(_ context.Context, on bool) error {
	value := "off"
	if on {
		value = "on"
	}
	return t.setMeta(proofWanted, value)
}

// ProofWanted reports what was last kept.
func (db *DB) ProofWanted(ctx context.Context) (bool, error) {
	value, err := db.Meta(ctx, proofWanted)
	return value == "on", err
}
