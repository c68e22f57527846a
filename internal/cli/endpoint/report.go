package endpoint

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sekimori/internal/agent"
	"sekimori/internal/kit/wire"
)

// tellTime is how long "report" stays to show the case's number.
const tellTime = 5 * time.Second

// kindVirus is the kind for which "infected" does more.
const kindVirus = "virus"

// report leaves a report with the agent, which sends it as the PC's person. The network is
// not touched.
func (s *shell) report(fs *pflag.FlagSet) func(context.Context) error {
	kind := fs.String("kind", "", "KIND")
	note := fs.String("note", "", "TEXT")
	asJSON := fs.Bool("json", false, "")
	state := stateFlag(fs)
	return func(ctx context.Context) error {
		switch {
		case *kind == "":
			return s.misuse("agent.give", "name", "--kind")
		case !slices.Contains(wire.Kinds(), *kind):
			return s.misuse("agent.told.no_such_kind", "kind", *kind, "kinds", strings.Join(wire.Kinds(), ", "))
		}
		key, d, err := s.tell(ctx, *state, *kind, *note)
		if err != nil {
			return err
		}
		if *asJSON {
			return s.printJSON(struct {
				Key  string `json:"key"`
				Kind string `json:"kind"`
				agent.Delivery
			}{key, *kind, d})
		}
		s.delivered(d)
		if *kind == kindVirus {
			s.say(s.p.T("agent.told.not_cut", "program", s.Name))
		}
		return nil
	}
}

// tell hands a report to the service, or does itself what the service would do.
func (s *shell) tell(ctx context.Context, state, kind, note string) (string, agent.Delivery, error) {
	service, p := s.find(ctx, state)
	if service == nil {
		return s.tellHere(ctx, p, kind, note)
	}
	st, err := service.Status(ctx)
	if err != nil {
		return "", agent.Delivery{}, err
	}
	s.dry = st.DryRun
	key, err := service.Report(ctx, kind, note)
	if err != nil {
		return "", agent.Delivery{}, err
	}
	return key, s.awaitDelivery(ctx, service, key), nil
}

// awaitDelivery waits a moment for the report to arrive. Whatever it meets, the report is
// on disk.
func (s *shell) awaitDelivery(ctx context.Context, service *agent.Service, key string) agent.Delivery {
	for end := time.Now().Add(tellTime); ; {
		d, err := service.Delivered(ctx, key)
		if err != nil {
			return agent.Delivery{}
		}
		if d.Sent || time.Now().After(end) {
			return d
		}
		select {
		case <-ctx.Done():
			return d
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *shell) tellHere(ctx context.Context, p place, kind, note string) (key string, d agent.Delivery, err error) {
	a, err := s.here(ctx, p)
	if err != nil {
		return "", d, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if key, err = a.Report(kind, note, account(s.env)); err != nil {
		return "", d, err
	}
	sctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	if serr := a.Settle(sctx); serr != nil && ctx.Err() != nil {
		return "", d, ctx.Err()
	}
	return key, a.Delivered(key), nil
}

// delivered says what became of the report.
func (s *shell) delivered(d agent.Delivery) {
	switch {
	case d.Label != "":
		s.say(s.p.T("agent.report.filed", "label", d.Label))
	case d.Sent:
		s.say(s.p.T("agent.told.sent"))
	default:
		s.say(s.p.T("agent.told.waiting"))
	}
}
