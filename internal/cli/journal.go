package cli

import (
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (s *shell) journal() *cobra.Command {
	return s.group("journal", s.journalVerify(), s.journalExport(), s.journalCheckpoint(), s.journalProve(), s.journalCheckProof())
}

func (s *shell) journalExport() *cobra.Command {
	var file string
	r := &remote{}
	c := s.command("export", s.none, func(cmd *cobra.Command, _ []string) error {
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		res, err := api.send(cmd.Context(), "GET", "/journal/export", nil)
		if err != nil {
			return s.explain(err)
		}
		defer res.Close()
		return s.store(file, s.progress(res))
	})
	outFlag(c, &file)
	r.flags(c)
	return c
}

func (s *shell) journalCheckpoint() *cobra.Command {
	var file string
	r := &remote{}
	c := s.command("checkpoint", s.none, func(cmd *cobra.Command, _ []string) error {
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		var cp struct{ Note string }
		if err := api.call(cmd.Context(), "GET", "/journal/checkpoint", nil, &cp); err != nil {
			return s.explain(err)
		}
		return s.store(file, strings.NewReader(cp.Note))
	})
	outFlag(c, &file)
	r.flags(c)
	return c
}

func (s *shell) journalProve() *cobra.Command {
	var file string
	r := &remote{}
	c := s.command("prove SEQ", s.exactly("SEQ"), func(cmd *cobra.Command, args []string) error {
		seq, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || seq < 0 {
			return s.misuse("cli.bad_seq", "value", args[0])
		}
		api, err := s.dial(r)
		if err != nil {
			return err
		}
		res, err := api.send(cmd.Context(), "GET", "/journal/entries/"+url.PathEscape(strconv.FormatInt(seq, 10))+"/proof", nil)
		if err != nil {
			return s.explain(err)
		}
		defer res.Close()
		return s.store(file, io.LimitReader(res, answerLimit))
	})
	outFlag(c, &file)
	r.flags(c)
	return c
}

func outFlag(c *cobra.Command, file *string) { c.Flags().StringVarP(file, "output", "o", "", "`FILE`") }
