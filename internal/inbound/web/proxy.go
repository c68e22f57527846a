package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Behind puts the sender's own address into RemoteAddr when the request came through
// a proxy that we trust. Anybody else's forwarding headers are only words.
func Behind(trusted []netip.Prefix, next http.Handler) http.Handler {
	trusts := func(s string) bool {
		a, err := netip.ParseAddr(strings.TrimSpace(s))
		return err == nil && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !trusts(host) {
			next.ServeHTTP(w, r)
			return
		}
		// The right-most address that is not one of our proxies is the one that the
		// outermost of them saw; what stands left of it the sender may have made up.
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			a, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil {
				break
			}
			host = a.Unmap().String()
			if !trusts(host) {
				break
			}
		}
		r2 := r.Clone(r.Context())
		r2.RemoteAddr = net.JoinHostPort(host, "0")
		if proto := r.Header.Get("X-Forwarded-Proto"); proto == "https" || proto == "http" {
			r2.URL.Scheme = proto
		}
		next.ServeHTTP(w, r2)
	})
}
