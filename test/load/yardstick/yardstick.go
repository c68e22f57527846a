// Package yardstick is the least that a durable server can do: a bare net/http handler
// that decodes the same report and inserts one row into the same kind of store. What
// our server does beyond it is measured as a ratio to it.
package yardstick

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Options choose a yardstick.
type Options struct {
	DSN    string        // SQLite file or postgres:// URL
	Gather time.Duration // longest wait for others to share a commit; 0: one commit each
	Delay  time.Duration // added before each commit, as a slow disk would
}

// report is the part of the request that is decoded; the same that our API takes.
type report struct {
	Kind       string   `json:"kind"`
	Summary    string   `json:"summary"`
	OnBehalf   string   `json:"on_behalf"`
	LeaveOut   []string `json:"leave_out"`
	Occurred   string   `json:"occurred"`
	Discovered string   `json:"discovered"`
}

// row is one request on its way to the disk.
type row struct {
	kind, summary string
	body          []byte
	done          chan error
}

// maxRows bounds one commit.
const maxRows = 512

// store commits rows: all of them, or none.
type store interface {
	commit(ctx context.Context, rows []*row) error
	close() error
}

// New opens the store and makes the handler. close ends both.
func New(ctx context.Context, o Options) (h http.Handler, closeAll func() error, err error) {
	st, err := openStore(ctx, o.DSN)
	if err != nil {
		return nil, nil, err
	}
	queue := make(chan *row, 4096)
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		gather(ctx, queue, st, o)
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/incidents", func(w http.ResponseWriter, r *http.Request) {
		var in report
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil || in.Kind == "" || in.Summary == "" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		body, err := json.Marshal(in)
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		one := &row{kind: in.Kind, summary: in.Summary, body: body, done: make(chan error, 1)}
		queue <- one
		if err := <-one.done; err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, `{"stored":true}`)
	})
	return mux, func() error {
		stop()
		<-ended
		return st.close()
	}, nil
}

// gather is the one owner of the writing connection.
func gather(ctx context.Context, queue <-chan *row, st store, o Options) {
	for {
		var rows []*row
		select {
		case <-ctx.Done():
			return
		case first := <-queue:
			rows = append(rows, first)
		}
		if o.Gather > 0 {
			rows = fill(rows, queue, o.Gather)
		}
		time.Sleep(o.Delay)
		err := st.commit(ctx, rows)
		for _, r := range rows {
			r.done <- err
		}
	}
}

// fill takes what comes within the time.
func fill(rows []*row, queue <-chan *row, wait time.Duration) []*row {
	late := time.NewTimer(wait)
	defer late.Stop()
	for len(rows) < maxRows {
		select {
		case r := <-queue:
			rows = append(rows, r)
		case <-late.C:
			return rows
		}
	}
	return rows
}
