package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) demo() *cobra.Command {
	o := app.DemoOptions{Lang: string(s.p.Lang())}
	c := s.command("demo", s.none, func(cmd *cobra.Command, _ []string) error {
		if o.Lang != "ja" && o.Lang != "en" {
			return s.misuse("cli.bad_flag_value", "name", "--lang", "value", o.Lang)
		}
		log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
		return app.Demo(cmd.Context(), o, s.out, log)
	})
	c.Flags().StringVar(&o.Dir, "dir", "", "`FOLDER`")
	c.Flags().StringVar(&o.Listen, "listen", "", "`ADDRESS`")
	c.Flags().StringVar(&o.Lang, "lang", o.Lang, "`ja|en`")
	return c
}
