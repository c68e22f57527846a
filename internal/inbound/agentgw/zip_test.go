package agentgw

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// long is a domain whose desired states name many media.
type long struct {
	Devices
	text string
}

func (l long) Document(context.Context, string, int64) (string, int64, error) { return l.text, 7, nil }

func TestLongDocumentGoesCompressed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size   int
		asked  string
		zipped bool
	}{{zipFrom, "gzip", true}, {zipFrom, "", false}, {zipFrom - 1, "gzip", false}, {1 << 20, "br, gzip", true}} {
		g := New(Parts{Devices: long{text: strings.Repeat("a", c.size)}})
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?have=1", nil)
		r.Header.Set("Accept-Encoding", c.asked)
		if err := g.document(w, r, "dev", nil); err != nil {
			t.Fatal(err)
		}
		body := io.Reader(w.Body)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.zipped {
			t.Errorf("%d bytes for %q: compressed %v", c.size, c.asked, got)
		}
		if c.zipped {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if raw, err := io.ReadAll(body); err != nil || len(raw) != c.size {
			t.Errorf("%d bytes, not %d, %v", len(raw), c.size, err)
		}
	}
}
