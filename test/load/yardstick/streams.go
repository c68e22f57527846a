package yardstick

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"sekimori/internal/kit/wire"
)

// Streams is the least that a server of nudges can do: a bare net/http handler that holds
// a server-sent event stream for each device, in the form that our agents read. It checks
// no signature, knows no versions and writes nothing down.
type Streams struct {
	mu   sync.Mutex
	open map[string]chan int64 // guarded by mu
}

// ServeHTTP holds one stream, named by who signed for it; any other request is empty.
func (s *Streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != wire.PathStream {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, rest, _ := strings.Cut(r.Header.Get("Signature-Input"), `keyid="`)
	id, _, _ := strings.Cut(rest, `"`)
	ear := make(chan int64, 1)
	s.mu.Lock()
	if s.open == nil {
		s.open = map[string]chan int64{}
	}
	s.open[id] = ear
	s.mu.Unlock()
	f := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, wire.Beat)
	f.Flush()
	for {
		select {
		case v := <-ear:
			io.WriteString(w, wire.Nudge(v))
			f.Flush()
		case <-r.Context().Done():
			s.mu.Lock()
			if s.open[id] == ear {
				delete(s.open, id)
			}
			s.mu.Unlock()
			return
		}
	}
}

// All tells every stream of a version; one that has yet to write the last is passed over.
func (s *Streams) All(version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ear := range s.open {
		select {
		case ear <- version:
		default:
		}
	}
}

// Online is how many streams are open.
func (s *Streams) Online() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
