package app

import (
	"context"
	"fmt"
)

// sameCodes refuses a key under which none of the receipt codes in the database opens.
func (h *house) sameCodes(ctx context.Context) error {
	was, err := h.db.Meta(ctx, "codes_key")
	if err != nil {
		return fmt.Errorf("read mark of the receipt codes' key: %w", err)
	}
	switch mark := h.keys.codes.Mark(); was {
	case mark:
		return nil
	case "":
		return h.db.SetMeta(ctx, "codes_key", mark)
	}
	return fmt.Errorf("the receipt codes in the database belong to another %s: bring the right keys back", codesKey)
}
