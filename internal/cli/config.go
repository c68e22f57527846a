package cli

import "github.com/spf13/cobra"

func (s *shell) config() *cobra.Command { return s.group("config", s.configCheck()) }

func (s *shell) configCheck() *cobra.Command {
	var file string
	c := s.command("check", s.none, func(*cobra.Command, []string) error {
		cfg, err := s.load(file)
		if err != nil {
			return err
		}
		db := cfg.Database
		if cfg.DatabaseFile != "" {
			db = cfg.DatabaseFile // the file that names it; what it holds is a secret
		}
		s.columns([][]string{{"listen", cfg.Listen}, {"base_url", cfg.BaseURL}, {"data", cfg.Data}, {"database", db},
			{"time_zone", cfg.TimeZone}, {"mail.host", cfg.Mail.Host}})
		if cfg.Mail.Host == "" {
			s.complain(s.p.T("cli.no_mail_host"))
			return errNo
		}
		s.say(s.p.T("cli.config_fine"))
		return nil
	})
	configFlag(c, &file)
	return c
}
