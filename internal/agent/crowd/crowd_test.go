package crowd

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
)

func TestSeedIsTheSamePCs(t *testing.T) {
	t.Parallel()
	of := func(seed int64) []string {
		c, err := New(Options{Server: "https://127.0.0.1:1", Seed: seed, Devices: 300})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for n := range 300 {
			ids = append(ids, c.Device(n).ID)
		}
		return ids
	}
	one, again, other := of(1), of(1), of(2)
	seen := map[string]bool{}
	for n, id := range one {
		if again[n] != id || !wire.ValidDeviceID(id) {
			t.Fatalf("device %d is %q, then %q", n, id, again[n])
		}
		seen[id], seen[other[n]] = true, true
	}
	if len(seen) != 600 {
		t.Errorf("two seeds of 300 are %d devices", len(seen))
	}
}

func TestNewRefusesNoServer(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"", "127.0.0.1:8420", "ftp://a.example", "https://"} {
		if _, err := New(Options{Server: server, Devices: 1}); err == nil {
			t.Errorf("%q is taken for a server", server)
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h Histogram
	if s := h.Spread(); s != (Spread{}) {
		t.Errorf("nothing counted: %+v", s)
	}
	for ms := range 1000 {
		h.Add(time.Duration(ms+1) * time.Millisecond)
	}
	s := h.Spread()
	if s.N != 1000 || s.P50 < 500 || s.P50 > 560 || s.P99 < 990 || s.P99 > 1000 || s.Max != 1000 {
		t.Errorf("1 to 1000 ms: %+v", s)
	}
	h.Add(0)
	h.Add(10 * time.Hour)
	if got := h.Quantile(1); got != 10*time.Hour {
		t.Errorf("greatest is %v", got)
	}
	if got := h.Quantile(0.0001); got > 2*time.Microsecond {
		t.Errorf("least is %v", got)
	}
}

// A stream may come in any pieces, and an answer that is no stream is an error.
func TestHead(t *testing.T) {
	t.Parallel()
	const good = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n\nda"
	for _, piece := range []int{1, 7, len(good)} {
		rest, r, err := head(good, piece)
		all, _ := io.ReadAll(io.LimitReader(r, int64(len(":\n\nda")-len(rest))))
		if err != nil || string(rest)+string(all) != ":\n\nda" {
			t.Errorf("pieces of %d: %q and %q, %v", piece, rest, all, err)
		}
	}
	var refused *Refused
	if _, _, err := head("HTTP/1.1 429 Too Many Requests\r\n\r\n", 5); !errors.As(err, &refused) || refused.Status != 429 {
		t.Errorf("429: %v", err)
	}
	for _, text := range []string{"", "HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n\r\n"} {
		if _, _, err := head(text, 4); err == nil {
			t.Errorf("%q is taken for an answer", text)
		}
	}
}

func head(text string, piece int) (rest []byte, r io.Reader, err error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		for len(text) > 0 {
			n := min(piece, len(text))
			if _, err := server.Write([]byte(text[:n])); err != nil {
				return
			}
			text = text[n:]
		}
	}()
	p := &patient{conn: client}
	rest, err = p.head()
	return rest, p, err
}
