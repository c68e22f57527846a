package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
)

// metrics are what Prometheus reads. They hold numbers, never names.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(h *house) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sekimori_http_seconds", Help: "Time to answer a request, by route and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
	}, []string{"route", "status"})}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &state{h: h, descs: stateDescs()})
	if h.intake != nil {
		m.registry.MustRegister(h.intake.mails)
	}
	return m
}

// observe notes one answered request.
func (m *metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}

// handler answers /metrics, to this machine only unless the operator opened it.
func (m *metrics) handler(open bool) http.Handler {
	h := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := netip.ParseAddrPort(r.RemoteAddr)
		if !open && (err != nil || !a.Addr().IsLoopback() || r.Header.Get("X-Forwarded-For") != "") {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// state reads the figures of the health page when Prometheus asks.
type state struct {
	h     *house
	descs map[string]*prometheus.Desc
}

func stateDescs() map[string]*prometheus.Desc {
	out := map[string]*prometheus.Desc{}
	for name, help := range map[string]string{
		"open_tracks": "Receivers who have not answered yet.", "overdue_tracks": "Open tracks whose timer ran out more than two minutes ago.",
		"unreachable_tracks": "Open tracks whose chain found nobody to tell.", "unsent_notices": "Notices not yet taken by the mail server.",
		"refused_notices": "Notices refused for good in the last day.", "unsealed_events": "Events that wait for a number in the journal.",
		"unsent_letters": "Letters (requests, loans, stock-takes) not yet taken by the mail server.", "refused_letters": "Letters refused for good in the last day.",
		"late_timers":           "Timers of requests, loans and stock-takes that ran out more than two minutes ago.",
		"oldest_unsent_seconds": "How long the oldest notice or letter has waited for the mail server.",
		"unmailed_checkpoints":  "Auditors to whom the newest due checkpoint was not mailed.", "journal_size": "Entries under the newest signed checkpoint.",
		"clock_behind_seconds": "How far the machine's clock is behind the record.",
	} {
		out[name] = prometheus.NewDesc("sekimori_"+name, help, nil, nil)
	}
	return out
}

// Describe lists the figures.
func (s *state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		ch <- d
	}
}

// Collect reads the figures.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var health audit.Health
	health, err := s.h.audit.Health(ctx, access.System())
	if err != nil {
		s.h.log.Log(ctx, slog.LevelError, "read figures for metrics", "error", err)
		return
	}
	unmailed, err := s.h.unmailedCheckpoints(ctx)
	if err != nil {
		s.h.log.ErrorContext(ctx, "read figures for metrics", "error", err)
		return
	}
	for name, v := range map[string]float64{
		"open_tracks": float64(health.Notices.OpenTracks), "overdue_tracks": float64(health.Notices.Overdue),
		"unreachable_tracks": float64(health.Notices.Unreachable), "unsent_notices": float64(health.Notices.Unsent),
		"refused_notices": float64(health.Notices.RefusedRecent), "unsealed_events": float64(health.Unsealed),
		"journal_size": float64(health.Checkpoint.Size), "unmailed_checkpoints": float64(unmailed),
		"unsent_letters": float64(health.Notices.Letters), "refused_letters": float64(health.Notices.LettersRefused),
		"late_timers":           float64(health.Notices.LateTimers),
		"oldest_unsent_seconds": health.Notices.Waiting(health.At).Seconds(),
		"clock_behind_seconds":  s.h.clock.Behind().Seconds(),
	} {
		ch <- prometheus.MustNewConstMetric(s.descs[name], prometheus.GaugeValue, v)
	}
}
