package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

// key works on the server's own key folder.
func (s *shell) key() *cobra.Command { return s.group("key", s.keyRotate()) }

func (s *shell) keyRotate() *cobra.Command {
	var file string
	var retire bool
	c := s.command("rotate KEY", s.exactly("KEY"), func(_ *cobra.Command, args []string) error {
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		if err := app.RotateKey(cfg, args[0], retire); err != nil {
			return err
		}
		s.say(s.p.T("operator.rotated." + args[0]))
		return nil
	})
	configFlag(c, &file)
	c.Flags().BoolVar(&retire, "retire", false, "")
	return c
}
