package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sekimori/internal/domain/directory"
)

// Alarm is what a server says of itself to those who run it.
type Alarm struct {
	ID    string
	Over  bool // what it was about is over
	Title string
	Text  string
	Press string // on the button that opens Page
	Page  string
	At    time.Time
}

// Raise posts an alarm to a URL in the shape of a channel. Programs read it as
// {"id", "type": "alarm" or "alarm_over", "words", "url", "at"}, signed with key when there
// is one.
func (c *Client) Raise(ctx context.Context, to string, channel directory.Channel, key string, a Alarm) (answer string, err error) {
	m := message{ID: a.ID, Type: "alarm", Words: a.Title + "\n" + a.Text, URL: a.Page, At: a.At, title: a.Title, text: a.Text, press: a.Press}
	if a.Over {
		m.Type = "alarm_over"
	}
	body, err := m.body(channel)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set(SignatureHeader, Sign(key, a.At, body))
	}
	return c.Post(ctx, to, body, header)
}

// Ping asks for a URL, so that whoever watches there knows that this server lives. Any
// answer of 200 to 299 will do.
func (c *Client) Ping(ctx context.Context, to string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to, http.NoBody)
	if err != nil {
		return errors.New("ping: not a URL") // err would say the URL
	}
	r.Header.Set("User-Agent", "sekimori")
	res, err := c.Do(r)
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("ping: HTTP %d", res.StatusCode)
	}
	return nil
}
