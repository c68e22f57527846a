package agent

import (
	"context"
	"fmt"
	"os"

	"sekimori/internal/kit/wire"
)

// Version is the agent's version.
const Version = "0.1.0"

// Look tells how things stand by the state folder alone, where no service runs. It
// changes nothing. A folder that this account may not read is an os.ErrPermission.
func Look(ctx context.Context, o Options) (Status, error) {
	a, err := looked(ctx, o)
	if err != nil {
		return Status{}, err
	}
	return a.Status(), nil
}

// LookFacts is Look for the facts.
func LookFacts(ctx context.Context, o Options) (map[string]wire.Fact, error) {
	a, err := looked(ctx, o)
	if err != nil {
		return nil, err
	}
	return a.Facts(), nil
}

func looked(ctx context.Context, o Options) (*Agent, error) {
	if f, err := os.Open(loadPath(o.Dir, fileIdentity)); os.IsPermission(err) {
		return nil, fmt.Errorf("look at the state: %w", err)
	} else if err == nil {
		f.Close()
	}
	if o.Clock.Now == nil {
		o.Clock = MachineClock()
	}
	st := loadState(o.Dir)
	k := newKeeper(o.Host, st, o.Clock)
	k.dry = o.DryRun
	k.fact = k.off()
	if c := st.cause(); c.on {
		k.fact.Order, k.fact.Since, k.fact.State = c.order, st.memory.Since, k.asCut()
		if err := k.standing(ctx, st.allow()); err != nil {
			k.fact.State, k.fact.Problems = wire.IsolationFailing, []string{oneLine(err.Error())}
		}
	}
	return &Agent{o: o, keep: k, spool: &spool{dir: st.path(dirSpool)}}, nil
}
