package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) token() *cobra.Command { return s.group("token", s.tokenCreate()) }

func (s *shell) tokenCreate() *cobra.Command {
	var file, person, name string
	var scopes []string
	var days int
	c := s.command("create", s.none, func(cmd *cobra.Command, _ []string) error {
		switch {
		case person == "":
			return s.misuse("cli.flag_needed", "name", "--person")
		case name == "":
			return s.misuse("cli.flag_needed", "name", "--name")
		case len(scopes) == 0:
			return s.misuse("cli.flag_needed", "name", "--scopes")
		}
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		secret, err := app.CreateToken(cmd.Context(), cfg, person, name, scopes, days)
		if err != nil {
			return err
		}
		s.say(secret)
		return nil
	})
	configFlag(c, &file)
	c.Flags().StringVar(&person, "person", "", "`NUMBER`")
	c.Flags().StringVar(&name, "name", "", "`NAME`")
	c.Flags().StringSliceVar(&scopes, "scopes", nil, "`A,B`")
	c.Flags().IntVar(&days, "days", 90, "`N`")
	return c
}
