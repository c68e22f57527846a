package cli

import (
	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

func (s *shell) init() *cobra.Command {
	o := app.InitOptions{Env: s.env}
	c := s.command("init", s.none, func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.AdminName == "":
			return s.misuse("cli.flag_needed", "name", "--admin-name")
		case o.AdminEmail == "":
			return s.misuse("cli.flag_needed", "name", "--admin-email")
		}
		if err := app.Init(cmd.Context(), o, s.out); err != nil {
			return err
		}
		s.complain(s.p.T("cli.init_done")) // beside the output, which a script may read
		return nil
	})
	c.Flags().StringVar(&o.Dir, "dir", ".", "`FOLDER`")
	c.Flags().StringVar(&o.Company, "company", "", "`NAME`")
	c.Flags().StringVar(&o.AdminName, "admin-name", "", "`NAME`")
	c.Flags().StringVar(&o.AdminEmail, "admin-email", "", "`ADDRESS`")
	return c
}
