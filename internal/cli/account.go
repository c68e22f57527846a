package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) account() *cobra.Command { return s.group("account", s.accountReset()) }

// accountReset is the way back in when nobody is left who could help: whoever may read the
// server's keys may open any account, and this says so in the record.
func (s *shell) accountReset() *cobra.Command {
	var file, person string
	c := s.command("reset", s.none, func(cmd *cobra.Command, _ []string) error {
		if person == "" {
			return s.misuse("cli.flag_needed", "name", "--person")
		}
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		link, err := app.ResetAccount(cmd.Context(), cfg, person)
		if err != nil {
			return err
		}
		s.say(link)
		return nil
	})
	configFlag(c, &file)
	c.Flags().StringVar(&person, "person", "", "`NUMBER`")
	return c
}
