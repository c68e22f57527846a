package main

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// director owns what is on the stage (a netns.Owner), as a test does: what goes wrong ends
// the show by a panic that run takes up, and everything is cleared away after it.
type director struct {
	ctx context.Context

	mu     sync.Mutex
	clear  []func() // guarded by mu
	failed bool     // guarded by mu
}

// broken ends the show.
type broken struct{}

// Helper is called at the head of every step of the stage: here Ctrl-C is noticed.
func (d *director) Helper() {
	if d.ctx.Err() != nil {
		panic(broken{})
	}
}

// Errorf notes that something was not as it should be.
func (d *director) Errorf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = true
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// Fatalf is Errorf, and the end. After Ctrl-C nothing is wrong, it only ends.
func (d *director) Fatalf(format string, args ...any) {
	if d.ctx.Err() == nil {
		d.Errorf(format, args...)
	}
	panic(broken{})
}

// Fatal is Fatalf.
func (d *director) Fatal(args ...any) { d.Fatalf("%s", fmt.Sprint(args...)) }

// Skip is Fatalf: a show has nothing to skip.
func (d *director) Skip(args ...any) { d.Fatalf("%s", fmt.Sprint(args...)) }

// Cleanup calls f after the show; the last given first.
func (d *director) Cleanup(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear = append(d.clear, f)
}

// run plays and clears everything away. It reports whether all went as it should.
func (d *director) run(play func()) bool {
	func() {
		defer func() {
			if v := recover(); v != nil && v != (broken{}) {
				d.Errorf("%v", v)
			}
		}()
		play()
	}()
	stopped := d.ctx.Err() != nil
	d.ctx = context.WithoutCancel(d.ctx) // what clears away is not to be stopped
	for {
		d.mu.Lock()
		n := len(d.clear)
		if n == 0 {
			defer d.mu.Unlock()
			return !d.failed && !stopped
		}
		f := d.clear[n-1]
		d.clear = d.clear[:n-1]
		d.mu.Unlock()
		f()
	}
}
