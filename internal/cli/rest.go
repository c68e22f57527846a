package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"sekimori/internal/kit/id"
)

// filters are the words of a list's question that were given.
func filters(pairs map[string]string) url.Values {
	q := url.Values{}
	for name, v := range pairs {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// pages reads a list page by page until there are limit items, or no more.
func (s *shell) pages(ctx context.Context, r *remote, path string, q url.Values, limit int) ([]json.RawMessage, error) {
	if limit < 1 {
		return nil, s.misuse("cli.bad_flag_value", "name", "--limit", "value", strconv.Itoa(limit))
	}
	api, err := s.dial(r)
	if err != nil {
		return nil, err
	}
	items := []json.RawMessage{}
	for len(items) < limit {
		q.Set("limit", strconv.Itoa(min(200, limit-len(items))))
		var page struct {
			Items []json.RawMessage
			Next  string
		}
		if err := api.call(ctx, "GET", path+"?"+q.Encode(), nil, &page); err != nil {
			return nil, s.explain(err)
		}
		items = append(items, page.Items...)
		if page.Next == "" || len(page.Items) == 0 {
			break
		}
		q.Set("after", page.Next)
	}
	return items, nil
}

// fetch reads one thing.
func (s *shell) fetch(ctx context.Context, r *remote, path string) (json.RawMessage, error) {
	api, err := s.dial(r)
	if err != nil {
		return nil, err
	}
	var answer json.RawMessage
	if err := api.call(ctx, "GET", path, nil, &answer); err != nil {
		return nil, s.explain(err)
	}
	return answer, nil
}

// act sends one verb; the same verb that arrives twice is done once. key names it; "" for
// one of its own.
func (s *shell) act(ctx context.Context, r *remote, path, key string, body any) (json.RawMessage, error) {
	api, err := s.dial(r)
	if err != nil {
		return nil, err
	}
	var answer json.RawMessage
	if err := api.call(ctx, "POST", path, body, &answer, "Idempotency-Key", or(key, id.Secret(16))); err != nil {
		return nil, s.explain(err)
	}
	return answer, nil
}

// answered prints an answer for a program, or reads it and lets show print it.
func answered[T any](s *shell, answer json.RawMessage, asJSON bool, show func(T)) error {
	if asJSON {
		return s.printJSON(answer)
	}
	var v T
	if err := json.Unmarshal(answer, &v); err != nil {
		return s.fail("cli.odd_answer")
	}
	show(v)
	return nil
}

// showCommand is the command that fetches one thing by its name, under a path, and shows it.
func showCommand[T any](s *shell, r *remote, operand, path string, show func(T)) *cobra.Command {
	var asJSON bool
	c := s.command("show "+operand, s.exactly(operand), func(cmd *cobra.Command, args []string) error {
		answer, err := s.fetch(cmd.Context(), r, path+url.PathEscape(args[0]))
		if err != nil {
			return err
		}
		return answered(s, answer, asJSON, show)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "")
	return c
}

// listed prints items for a program, or as aligned lines.
func listed[T any](s *shell, items []json.RawMessage, asJSON bool, row func(T) []string) error {
	if asJSON {
		return s.printJSON(items)
	}
	var rows [][]string
	for _, raw := range items {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return s.fail("cli.odd_answer")
		}
		rows = append(rows, row(v))
	}
	s.columns(rows)
	return nil
}

// listFlags are those that every list has.
func listFlags(c *cobra.Command, limit *int, asJSON *bool) {
	c.Flags().IntVar(limit, "limit", 50, "`N`")
	c.Flags().BoolVar(asJSON, "json", false, "")
}

// postTable sends a table and reads the plan that comes back, also as it came.
func postTable[P any](ctx context.Context, s *shell, api *client, path string, table []byte) (json.RawMessage, P, error) {
	var p P
	res, err := api.send(ctx, "POST", path, bytes.NewReader(table), "Content-Type", "text/csv", "Idempotency-Key", id.Secret(16))
	if err != nil {
		return nil, p, s.explain(err)
	}
	defer res.Close()
	answer, err := io.ReadAll(io.LimitReader(res, answerLimit))
	if err != nil {
		return nil, p, s.explain(&unreachable{api.base, err})
	}
	return answer, p, json.Unmarshal(answer, &p)
}
