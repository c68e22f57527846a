package agent

import (
	"context"
	"sync"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// writtenFiles gathers what was written onto a medium, each name once and no more names than
// an event holds. Contents are never looked at.
type writtenFiles struct {
	files []wire.WrittenFile
	at    map[string]int
	more  int
}

func newWrittenFiles() *writtenFiles { return &writtenFiles{at: map[string]int{}} }

const maxFileName = 240 // bytes of a path that are kept

func (w *writtenFiles) add(name string, size int64, at wire.Micros) {
	if name == "" {
		w.more++ // at least one that was not seen
		return
	}
	f := wire.WrittenFile{Name: clip(name, maxFileName), Size: size, At: at}
	if i, ok := w.at[f.Name]; ok {
		w.files[i] = f
		return
	}
	if len(w.files) == wire.MaxWrittenFiles {
		w.more++
		return
	}
	w.at[f.Name] = len(w.files)
	w.files = append(w.files, f)
}

// take gives what was gathered and begins anew.
func (w *writtenFiles) take() (files []wire.WrittenFile, more int) {
	files, more = w.files, w.more
	*w = *newWrittenFiles()
	return files, more
}

// record watches what is written onto disks until the returned function is called.
func (g *guard) record(ctx context.Context, p *plugged, disks []host.Disk) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	var mu sync.Mutex
	files := newWrittenFiles()
	for _, d := range disks {
		watching.Go(func() {
			err := g.host.Written(ctx, d, func(name string, size int64) {
				at := g.peek()
				mu.Lock()
				defer mu.Unlock()
				files.add(name, size, at)
			})
			if err != nil && ctx.Err() == nil {
				g.mu.Lock()
				g.note(p.path, named(p, err))
				g.mu.Unlock()
			}
		})
	}
	flush := func() {
		mu.Lock()
		taken, more := files.take()
		mu.Unlock()
		if len(taken) == 0 && more == 0 {
			return
		}
		g.mu.Lock()
		e := g.eventOf(p, wire.MediaWritten, "", g.timeNow())
		g.mu.Unlock()
		e.Files, e.More = taken, more
		g.tell(context.WithoutCancel(ctx), e)
	}
	watching.Go(func() {
		for sleep(ctx, filesEvery) {
			flush()
		}
	})
	g.work.Go(watching.Wait) // also when nobody stops it
	return sync.OnceFunc(func() {
		cancel()
		watching.Wait()
		flush()
	})
}
