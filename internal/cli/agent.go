package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/cli/endpoint"
)

// agent mounts the verbs of sekimori-agent. They read their own flags and write their
// own help, so that both programs are the same there.
func (s *shell) agent() *cobra.Command {
	return &cobra.Command{Use: "agent", DisableFlagParsing: true, RunE: func(cmd *cobra.Command, args []string) error {
		program := endpoint.Program{Name: "sekimori agent"}
		return exitWith(endpoint.Main(cmd.Context(), program, args, s.env, s.in, s.out, s.err))
	}}
}

// exitWith ends a command whose output has said everything.
func exitWith(status int) error {
	switch status {
	case exitOK:
		return nil
	case exitUsage:
		return &usageError{}
	}
	return errNo
}
