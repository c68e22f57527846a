package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sekimori/internal/kit/wire"
)

// Events of media wait in the spool's folder beside reports and evidence, as "m KEY", with
// room of their own: neither takes the other's.
const (
	maxMediaWaiting = 512
	maxMediaBody    = 512 << 10 // of the events of one request
)

// errMediaFull says that no more events of media are kept.
var errMediaFull = errors.New("spool: too many events of media wait")

// mediaWaiting gives the files of events that wait, oldest first.
func (s *spool) mediaWaiting() []string {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil // made when it is written to
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "m ") && e.Type().IsRegular() {
			out = append(out, filepath.Join(s.dir, e.Name()))
		}
	}
	slices.Sort(out) // keys sort by time
	return out
}

func (s *spool) addMedia(e wire.MediaEvent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mediaWaiting()) >= maxMediaWaiting {
		return errMediaFull
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return s.write("m "+filepath.Base(e.Key), raw)
}

// sendMedia delivers what waits. What the server refuses as such is refused for ever, and
// given up alone.
func (s *spool) sendMedia(ctx context.Context, c *Client) error {
	for files := s.mediaWaiting(); len(files) > 0; {
		n, events := s.someMedia(files)
		err := c.Media(ctx, wire.MediaEvents{Events: events})
		var refused *Refused
		if errors.As(err, &refused) && notNow(refused) && n > 1 {
			n, events = s.someMedia(files[:1])
			err = c.Media(ctx, wire.MediaEvents{Events: events})
		}
		if err != nil && (!errors.As(err, &refused) || !notNow(refused)) {
			return fmt.Errorf("deliver events of media: %w", err)
		}
		for _, f := range files[:n] {
			if err := s.remove(waiting{file: f}); err != nil {
				return err
			}
		}
		files = files[n:]
	}
	return nil
}

// someMedia reads events for one request, and how many files they are of; what cannot be
// read counts and is left out.
func (s *spool) someMedia(files []string) (n int, events []wire.MediaEvent) {
	size := 0
	for _, f := range files {
		var e wire.MediaEvent
		raw, err := readFile(f)
		if n > 0 && (size+len(raw) > maxMediaBody || len(events) == wire.MaxMediaEvents) {
			break
		}
		n++
		if err == nil && json.Unmarshal(raw, &e) == nil && e.Key != "" {
			size += len(raw)
			events = append(events, e)
		}
	}
	return n, events
}

// Media tells what happened with media. Telling it again changes nothing.
func (c *Client) Media(ctx context.Context, events wire.MediaEvents) error {
	if len(events.Events) == 0 {
		return nil
	}
	raw, err := json.Marshal(events)
	if err != nil {
		return fmt.Errorf("marshal events of media: %w", err)
	}
	_, _, err = c.ask(ctx, "POST", wire.PathMedia, raw, "application/json", 1<<10)
	return err
}
