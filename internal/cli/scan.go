package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/cli/endpoint"
)

// scan is the verb of sekimori-agent, which reads its own flags: both programs are the same there.
func (s *shell) scan() *cobra.Command {
	return &cobra.Command{Use: "scan PATH…", DisableFlagParsing: true, RunE: func(cmd *cobra.Command, args []string) error {
		program := endpoint.Program{Name: "sekimori"}
		return exitWith(endpoint.Main(cmd.Context(), program, append([]string{"scan"}, args...), s.env, s.in, s.out, s.err))
	}}
}
