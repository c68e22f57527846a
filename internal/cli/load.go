package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/agent/crowd"
)

// loadTest plays many PCs against a server, to see what it carries. What it enrols are real
// records of that server: it is meant for one that was set up for the purpose.
func (s *shell) loadTest() *cobra.Command {
	var r remote
	var person string
	var devices, seconds int
	var seed int64
	var changes float64
	var asJSON bool
	c := s.command("load", s.none, func(cmd *cobra.Command, _ []string) error {
		switch {
		case person == "":
			return s.misuse("cli.flag_needed", "name", "--person")
		case devices < 1 || devices > 50_000:
			return s.misuse("cli.bad_flag_value", "name", "--devices", "value", strconv.Itoa(devices))
		case seconds < 1:
			return s.misuse("cli.bad_flag_value", "name", "--seconds", "value", strconv.Itoa(seconds))
		case changes < 0:
			return s.misuse("cli.bad_flag_value", "name", "--changes", "value", fmt.Sprint(changes))
		}
		api, err := s.dial(&r)
		if err != nil {
			return err
		}
		length := time.Duration(seconds) * time.Second
		o := crowd.Options{Server: api.base, Seed: seed, Devices: devices, Changes: changes, Ramp: length / 4}
		if t, ok := api.http.Transport.(*http.Transport); ok {
			o.TLS = t.TLSClientConfig
		}
		pcs, err := crowd.New(o)
		if err != nil {
			return err
		}
		err = pcs.Enrol(cmd.Context(), func(ctx context.Context) (string, error) {
			var token struct{ Secret string }
			in := map[string]any{"person": person, "minutes": 60, "note": "sekimori load"}
			return token.Secret, api.call(ctx, http.MethodPost, "/devices/tokens", in, &token)
		})
		if err != nil {
			return s.explain(err)
		}
		ctx, stop := context.WithTimeout(cmd.Context(), length)
		defer stop()
		counts := pcs.Run(ctx)
		if asJSON {
			return s.printJSON(counts)
		}
		s.showLoad(counts)
		return nil
	})
	r.flags(c)
	f := c.Flags()
	f.StringVar(&person, "person", "", "`NUMBER`")
	f.IntVar(&devices, "devices", 100, "`N`")
	f.IntVar(&seconds, "seconds", 60, "`N`")
	f.Float64Var(&changes, "changes", 10, "`N`")
	f.Int64Var(&seed, "seed", 1, "`N`")
	f.BoolVar(&asJSON, "json", false, "")
	return c
}

func (s *shell) showLoad(c crowd.Counts) {
	rows := [][]string{{s.p.T("cli.load_online"), fmt.Sprintf("%d / %d", c.Online, c.Devices)}}
	times := func(id string, t crowd.Spread) {
		if t.N > 0 {
			rows = append(rows, []string{s.p.T(id), strconv.FormatInt(t.N, 10), fmt.Sprintf("p50 %.1f ms", t.P50), fmt.Sprintf("p99 %.1f ms", t.P99), fmt.Sprintf("max %.1f ms", t.Max)})
		}
	}
	times("cli.load_enrolments", c.Enrolments)
	times("cli.load_connects", c.Connects)
	times("cli.load_documents", c.Documents)
	times("cli.load_changes", c.Changes)
	rows = append(rows, []string{s.p.T("cli.load_nudges"), strconv.FormatInt(c.Nudges, 10)},
		[]string{s.p.T("cli.load_drops"), strconv.FormatInt(c.Drops, 10)}, []string{s.p.T("cli.load_errors"), strconv.FormatInt(c.Errors, 10)})
	for _, why := range slices.Sorted(maps.Keys(c.Why)) {
		rows = append(rows, []string{"  " + why, strconv.FormatInt(c.Why[why], 10)})
	}
	s.columns(rows)
}
