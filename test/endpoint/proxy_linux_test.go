package endpoint

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/tool/isolation/stage"
)

// TestProxiesThatBreakStreams: what stands between the PC and the server lets no stream
// through. The PC asks by itself, and obeys.
func TestProxiesThatBreakStreams(t *testing.T) {
	const proxy4, proxy6 = "192.0.2.9", "2001:db8:1::9"
	for name, stream := range map[string]http.HandlerFunc{
		"cuts them": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			time.Sleep(200 * time.Millisecond)
			panic(http.ErrAbortHandler)
		},
		"ends them": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "") // a whole answer of nothing
		},
		"holds them back and closes": func(http.ResponseWriter, *http.Request) {
			time.Sleep(200 * time.Millisecond)
			panic(http.ErrAbortHandler)
		},
		"waits for their end and gives up": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(200 * time.Millisecond)
			w.WriteHeader(http.StatusGatewayTimeout)
		},
	} {
		t.Run(name, func(t *testing.T) {
			notShort(t)
			c := stage.New(t, built, "SEKIMORI_AGENT_ADDRESSES="+proxy4+","+proxy6)
			machine := netns.New(t)
			c.Office.Plug(machine, "eth0", stage.Prefixes(proxy4, proxy6)...)
			pc := c.NewPC("pc", stage.PC4, stage.PC6)
			pc.Enrol()
			forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: stage.Host + ":8443"})
			forward.Transport = c.Server.Transport()
			forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
			var broken atomic.Int64
			c.Serve(machine, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == wire.PathStream {
					broken.Add(1)
					stream(w, r)
					return
				}
				r.Host = stage.Host
				forward.ServeHTTP(w, r)
			}))
			c.Server.Isolate(pc.Device, "it speaks to strangers")
			pc.Start()
			c.Server.Await(pc.Device, "isolated through the proxy", stage.Proven)
			if broken.Load() == 0 {
				t.Error("no stream was tried: the test does not show anything")
			}
			closed(t, "isolated through the proxy", c.Ways(pc, stage.PC4, stage.PC6))
		})
	}
}
