package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sekimori/internal/agent/crowd"
)

// both gives a fresh room of each kind to do, ours first.
func (b *bench) both(ctx context.Context, do func(ours bool, r *room) error) error {
	for _, ours := range []bool{true, false} {
		var r *room
		var err error
		if ours {
			r, _, err = b.ourRoom(ctx, "SQLite", b.devices, true)
		} else {
			r, err = b.room(ctx, "streams", b.devices, true)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(do(ours, r), r.close()); err != nil {
			return err
		}
	}
	return nil
}

// settle is how long a server is left alone before its memory is read: presence is
// written down, buffers are dropped.
const settle = 2 * time.Second

// idle measures what a PC costs that does nothing: the server's memory with all streams
// open, less that without any, each after garbage collection.
func idle(ctx context.Context, b *bench) error {
	var ours, yard, whole []float64
	for range b.rounds {
		err := b.both(ctx, func(isOurs bool, r *room) error {
			time.Sleep(settle)
			before, err := r.resident()
			if err != nil {
				return err
			}
			if _, err := r.connect(ctx, b.devices); err != nil {
				return err
			}
			time.Sleep(settle)
			after, err := r.resident()
			if err != nil {
				return err
			}
			each := (after - before) / float64(b.devices) / 1024
			if !isOurs {
				yard = append(yard, each)
				return nil
			}
			ours, whole = append(ours, each), append(whole, after/(1<<20))
			return nil
		})
		if err != nil {
			return err
		}
	}
	b.out.ratio(fmt.Sprintf("memory for each of %d idle TLS devices, after garbage collection; yardstick: net/http streams", b.devices), " KiB", ours, yard, 0.75, "less")
	b.out.line(fmt.Sprintf("server's whole memory with %d devices, after garbage collection", b.devices), spread(whole)+" MiB", "", "", "≤ 400 MiB at 10,000", yes(median(whole) <= 400))
	return nil
}

// fanOut measures from "every desired state has a newer version" to the nudge at the last PC.
func fanOut(ctx context.Context, b *bench) error {
	var ours, yard, signed []float64
	for range b.rounds {
		err := b.both(ctx, func(isOurs bool, r *room) error {
			if _, err := r.connect(ctx, b.devices); err != nil {
				return err
			}
			time.Sleep(settle)
			var last []float64
			for range 5 {
				took, err := r.fan(ctx, b.devices)
				if err != nil {
					return err
				}
				last = append(last, took.Seconds()*1000)
				time.Sleep(300 * time.Millisecond)
			}
			if !isOurs {
				yard = append(yard, median(last))
				return nil
			}
			ours = append(ours, median(last))
			r.nudged.Store(0)
			began := time.Now()
			if _, err := r.order("turn"); err != nil {
				return err
			}
			err := waitFor(ctx, time.Minute, func() bool { return r.nudged.Load() >= int64(b.devices) })
			signed = append(signed, time.Since(began).Seconds())
			return err
		})
		if err != nil {
			return err
		}
	}
	b.out.ratio(fmt.Sprintf("versions raised → nudge at the last of %d devices", b.devices), " ms", ours, yard, 1.5, "less")
	b.out.line(fmt.Sprintf("signing key changed → %d desired states signed, stored, recorded, and the last device nudged", b.devices), spread(signed)+" s", "", "", "", "")
	return nil
}

// fan raises all versions, wakes the streams and gives how long it took from there until
// the last PC heard.
func (r *room) fan(ctx context.Context, n int) (time.Duration, error) {
	r.nudged.Store(0)
	if _, err := r.order("raise"); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := r.order("wake"); err != nil {
		return 0, err
	}
	if err := waitFor(ctx, time.Minute, func() bool { return r.nudged.Load() >= int64(n) }); err != nil {
		return 0, fmt.Errorf("%d of %d nudged: %w", r.nudged.Load(), n, err)
	}
	return time.Since(began), nil
}

// reconnects measures how fast all PCs come back when each of them wants to at once:
// TLS handshake, signature, stream. The jitter of real PCs is left out on both sides. Then
// ours loses all of them at once, and each comes back after its own jitter.
func reconnects(ctx context.Context, b *bench) error {
	var ours, yard, back []float64
	for range b.rounds {
		err := b.both(ctx, func(isOurs bool, r *room) error {
			took, err := r.connect(ctx, b.devices)
			if err != nil {
				return err
			}
			if !isOurs {
				yard = append(yard, took.Seconds())
				return nil
			}
			ours = append(ours, took.Seconds())
			time.Sleep(settle)
			last, err := r.comeBack(ctx, b.devices)
			back = append(back, last.Seconds())
			return err
		})
		if err != nil {
			return err
		}
	}
	b.out.ratio(fmt.Sprintf("%d devices connect", b.devices), " s", ours, yard, 1.25, "less")
	if len(back) > 0 {
		b.out.line(fmt.Sprintf("all connections cut → the last of %d devices is back, each after its jitter; the longest of all rounds", b.devices),
			figure(slices.Max(back))+" s", "", "", "≤ 30 s", yes(slices.Max(back) <= 30))
	}
	return nil
}

// comeBack cuts all connections and gives how long it took until the last PC's stream stood
// again.
func (r *room) comeBack(ctx context.Context, n int) (time.Duration, error) {
	var mu sync.Mutex
	var last time.Time
	there := map[int]bool{}
	f := func(pc int, what crowd.Happening, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if what == crowd.Opened && !there[pc] {
			there[pc], last = true, at
		}
	}
	come := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(there)
	}
	r.heard.Store(&f)
	began := time.Now()
	if _, err := r.order("cut"); err != nil {
		return 0, err
	}
	if err := waitFor(ctx, 2*time.Minute, func() bool { return come() == n }); err != nil {
		return 0, fmt.Errorf("%d of %d came back: %w: %+v", come(), n, err, r.pcs.Counts())
	}
	mu.Lock()
	defer mu.Unlock()
	return last.Sub(began), nil
}

// isolations measures one targeted isolation among connected devices: from the call of
// the verb (permission, signature, commit with its journal event) to the document in
// force on the PC, and to the server's knowing that it is proven. One device at a time.
func isolations(ctx context.Context, b *bench) error {
	for _, n := range []int{1, b.devices} {
		times := 40 * b.rounds
		if n == 1 {
			times = 20 // as many as one PC is allowed to say in so short a time
		}
		r, _, err := b.ourRoom(ctx, "SQLite", n, false)
		if err != nil {
			return err
		}
		inForce, applied, proven, err := r.press(ctx, n, times)
		if err := errors.Join(err, r.close()); err != nil {
			return err
		}
		ms := func(vs []float64) string {
			return fmt.Sprintf("p50 %s, p99 %s, max %s ms", figure(median(vs)), figure(quantile(vs, 0.99)), figure(slices.Max(vs)))
		}
		b.out.line(fmt.Sprintf("isolation ordered → in force on the PC, %d connected", n), ms(inForce), "", "", "p99 ≤ 50 ms", yes(quantile(inForce, 0.99) <= 50))
		b.out.line("the same → the server knows that it is applied", ms(applied), "", "", "", "")
		b.out.line("the same → the server knows that it is proven", ms(proven), "", "", "≤ 1000 ms", yes(slices.Max(proven) <= 1000))
	}
	return nil
}

// press isolates and releases PCs one after the other and gives times in milliseconds.
func (r *room) press(ctx context.Context, n, times int) (inForce, applied, proven []float64, err error) {
	if _, err := r.connect(ctx, n); err != nil {
		return nil, nil, nil, err
	}
	time.Sleep(settle)
	var mu sync.Mutex
	var began time.Time
	got := map[crowd.Happening]float64{}
	f := func(_ int, what crowd.Happening, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		got[what] = at.Sub(began).Seconds() * 1000
	}
	r.heard.Store(&f)
	run := func(order string, n int, last crowd.Happening) error {
		mu.Lock()
		clear(got)
		began = time.Now()
		mu.Unlock()
		if _, err := r.order(order + " " + r.pcs.Device(n).ID); err != nil {
			return err
		}
		return waitFor(ctx, 30*time.Second, func() bool {
			mu.Lock()
			defer mu.Unlock()
			_, ok := got[last]
			return ok
		})
	}
	for k := range times {
		pc := k * 7919 % n
		if err := run("isolate", pc, crowd.Proven); err != nil {
			return nil, nil, nil, fmt.Errorf("isolate: %w", err)
		}
		inForce, applied, proven = append(inForce, got[crowd.Obeyed]), append(applied, got[crowd.Applied]), append(proven, got[crowd.Proven])
		if err := run("release", pc, crowd.Applied); err != nil {
			return nil, nil, nil, fmt.Errorf("release: %w", err)
		}
	}
	return inForce, applied, proven, nil
}

// facts measures changed facts that are durable when they are answered, per CPU-second,
// against the yardstick that stores one row by group commit. The PCs' connections stay
// open, as the yardstick's do.
func facts(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		var ours, bare, wall, wallBare []float64
		for range b.rounds {
			m, err := b.factsTaken(ctx, engine)
			if err != nil {
				return fmt.Errorf("%s: %w", engine, err)
			}
			y, err := b.bare(ctx, engine, connections, "-gather", gatherTime)
			if err != nil {
				return fmt.Errorf("%s, yardstick: %w", engine, err)
			}
			ours, bare = append(ours, m.n/m.cpu), append(bare, y.n/y.cpu)
			wall, wallBare = append(wall, m.n/m.wall), append(wallBare, y.n/y.wall)
		}
		b.out.ratio("durable changed facts, signed, "+engine+", per CPU-s", "", ours, bare, 0.5, "more")
		b.out.line("the same, per second of the clock", spread(wall), spread(wallBare), "", "", "")
	}
	return nil
}

func (b *bench) factsTaken(ctx context.Context, engine string) (m measured, err error) {
	r, dbCPU, err := b.ourRoom(ctx, engine, b.devices, true)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	ctx, stop := context.WithCancel(ctx)
	taken, wait := r.pcs.Press(ctx, connections)
	time.Sleep(time.Second)
	before, err1 := sum(r.cpu, dbCPU)
	n, t := taken.Load(), time.Now()
	time.Sleep(b.seconds)
	m.n, m.wall = float64(taken.Load()-n), time.Since(t).Seconds()
	after, err2 := sum(r.cpu, dbCPU)
	stop()
	m.cpu = after - before
	return m, errors.Join(err1, err2, wait())
}
