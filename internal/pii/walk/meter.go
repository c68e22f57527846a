package walk

import "sync/atomic"

// Meter tells others how far a scan is. The zero value is ready; a nil one counts nothing.
type Meter struct {
	files, bytes       atomic.Int64
	allFiles, allBytes atomic.Int64
	counted            atomic.Bool
	waits              atomic.Pointer[string]
}

// Progress is how far a scan is.
type Progress struct {
	Files, Bytes       int64  // seen so far
	AllFiles, AllBytes int64  // that there are; 0 until they were counted
	Waits              string // why nothing is read now: "battery", "load"; empty when it is
}

// Progress may be called at any time.
func (m *Meter) Progress() Progress {
	p := Progress{Files: m.files.Load(), Bytes: m.bytes.Load()}
	if m.counted.Load() {
		p.AllFiles, p.AllBytes = m.allFiles.Load(), m.allBytes.Load()
	}
	if w := m.waits.Load(); w != nil {
		p.Waits = *w
	}
	return p
}

// Part is how much of the work is done, from 0 to 1; 0 while that is not known. A file counts as 4 KiB more than it has.
func (p Progress) Part() float64 {
	const opening = 4 << 10
	all := p.AllBytes + p.AllFiles*opening
	if all == 0 {
		return 0
	}
	return min(1, float64(p.Bytes+p.Files*opening)/float64(all))
}

func (m *Meter) add(files, bytes int64) {
	if m != nil {
		m.files.Add(files)
		m.bytes.Add(bytes)
	}
}

func (m *Meter) wait(why string) {
	if m != nil {
		m.waits.Store(&why)
	}
}
