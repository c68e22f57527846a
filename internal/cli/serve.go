package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) serve() *cobra.Command {
	var file string
	var asJSON bool
	c := s.command("serve", s.none, func(cmd *cobra.Command, _ []string) error {
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		var h slog.Handler = slog.NewTextHandler(s.err, nil)
		if asJSON {
			h = slog.NewJSONHandler(s.err, nil)
		}
		return app.Serve(cmd.Context(), cfg, s.out, slog.New(h))
	})
	configFlag(c, &file)
	c.Flags().BoolVar(&asJSON, "log-json", false, "")
	return c
}

// configFlag adds --config.
func configFlag(c *cobra.Command, file *string) { c.Flags().StringVar(file, "config", "", "`FILE`") }

// load reads the settings of the server on this machine.
func (s *shell) load(file string) (app.Config, error) {
	return app.LoadConfig(or(file, s.env("SEKIMORI_CONFIG")), s.env)
}
