package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) version() *cobra.Command {
	return s.command("version", s.none, func(*cobra.Command, []string) error {
		s.say(fmt.Sprintf("sekimori %s %s %s/%s", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
		return nil
	})
}
