package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// CreateToken makes an API token for a person, by the operator at the machine. It
// works beside a running server.
func CreateToken(ctx context.Context, cfg Config, number, name string, scopes []string, days int) (secret string, err error) {
	h, err := open(ctx, cfg, slog.New(slog.DiscardHandler), access.Cost{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	ps, err := access.ParseScopes(strings.Join(scopes, ","))
	if err != nil {
		return "", err
	}
	org, err := h.people.Org(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range org.People {
		if p.Number == number {
			secret, _, err := h.access.CreateToken(ctx, access.System(), access.NewToken{Person: p.ID, Name: name, Scopes: ps, Days: days})
			return secret, err
		}
	}
	return "", fault.New(fault.NotFound, "fault.not_found", fault.Args{"what": fmt.Sprintf("person %s", number)})
}
