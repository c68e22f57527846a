package page

import (
	"fmt"
	"log/slog"
	"net/http"
)

// handleNameless answers a request of whom nothing is to be known: Handle without the
// sign-in. A handler that panics would be logged with its caller's address, so that it is
// an error here.
func (k *Kit) handleNameless(w http.ResponseWriter, hr *http.Request, route Route) {
	r := &Request{Request: hr, Kit: k, P: k.Printer(k.language(hr, "")), nameless: true}
	err := parseForm(hr)
	if err == nil {
		err = unpanicked(w, r, route.Do)
	}
	if err != nil {
		k.fail(w, r, err)
	}
}

func unpanicked(w http.ResponseWriter, r *Request, do Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler ended in a panic: %v", p)
		}
	}()
	return do(w, r)
}

// log is where what is amiss with the request is written; nowhere for a nameless one.
func (r *Request) log() *slog.Logger {
	if r.nameless {
		return slog.New(slog.DiscardHandler)
	}
	return r.Kit.Log
}
