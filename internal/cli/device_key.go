package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

// deviceRotateKey works on the server's own key folder, while the server is stopped.
func (s *shell) deviceRotateKey() *cobra.Command {
	var file string
	var retire bool
	c := s.command("rotate-key", s.none, func(*cobra.Command, []string) error {
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		verifier, err := app.RotateDeviceKey(cfg, retire)
		if err != nil {
			return err
		}
		s.say(verifier)
		fmt.Fprintln(s.err, s.p.T("cli.device_key_changed"))
		return nil
	})
	configFlag(c, &file)
	c.Flags().BoolVar(&retire, "retire", false, "")
	return c
}
