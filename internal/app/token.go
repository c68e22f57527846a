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
	person, err := h.numbered(ctx, number)
	if err != nil {
		return "", err
	}
	secret, _, err = h.access.CreateToken(ctx, access.System(), access.NewToken{Person: person, Name: name, Scopes: ps, Days: days})
	return secret, err
}

// ResetAccount gives a link to a new password for a person who has an account, by the
// operator at the machine. It works beside a running server.
func ResetAccount(ctx context.Context, cfg Config, number string) (link string, err error) {
	h, err := open(ctx, cfg, slog.New(slog.DiscardHandler), access.Cost{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	person, err := h.numbered(ctx, number)
	if err != nil {
		return "", err
	}
	v, err := h.access.ResetCode(ctx, access.System(), person)
	if err != nil {
		return "", err
	}
	return cfg.BaseURL + "/invite/" + v.Secret, nil
}

// numbered finds a person by employee number.
func (h *house) numbered(ctx context.Context, number string) (string, error) {
	org, err := h.people.Org(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range org.People {
		if p.Number == number {
			return p.ID, nil
		}
	}
	return "", fault.New(fault.NotFound, "fault.not_found", fault.Args{"what": fmt.Sprintf("person %s", number)})
}
