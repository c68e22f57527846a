package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// Disk Arbitration speaks to a process over a run loop, which belongs to one thread. Each
// session here lives on the thread of the goroutine that waits for it: WatchUSB's answers
// whether a disk may be mounted, those of ask carry one request and its answer. Callbacks
// run on these threads only, inside the call that waits.

// How long a run loop runs before its owner looks up, and how long an answer may take: a file
// system that was not unmounted is checked before it is mounted.
const (
	loopSlice  = time.Second
	answerLook = 200 * time.Millisecond
	answerWait = 2 * time.Minute
)

// arbitration is what mac keeps of it.
type arbitration struct {
	sync.Mutex
	hold    macHold        // but for ours
	ours    map[string]int // how many works of this process a disk is mounted for
	asked   bool           // Disk Arbitration asks us before it mounts
	changed func()         // of WatchUSB
	answers map[uintptr]*answer
	last    uintptr // the newest key of answers
}

// answer is what came back of one request.
type answer struct {
	here bool
	err  error
}

// callbacks are the C functions that Disk Arbitration calls. They are made once for a process:
// they cannot be given back, and there is room for 2,000.
type callbacks struct {
	*frameworks
	mayMount, changed, redescribed, answered uintptr
}

// bind loads the frameworks and makes the callbacks. No argument or result is a structure.
func (h *mac) bind() (*callbacks, error) {
	f, err := loadFrameworks()
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	c := &callbacks{frameworks: f}
	c.mayMount = purego.NewCallback(func(disk, _ uintptr) uintptr {
		if h.mayMount(f.diskName(disk)) {
			return 0
		}
		text := f.text("held by Sekimori")
		defer f.free(text)
		return f.dissenterCreate(0, notPermitted, text) // the caller releases it
	})
	c.changed = purego.NewCallback(func(disk, _ uintptr) uintptr {
		h.came(f.diskName(disk))
		return 0
	})
	c.redescribed = purego.NewCallback(func(disk, _, _ uintptr) uintptr {
		h.came(f.diskName(disk))
		return 0
	})
	c.answered = purego.NewCallback(func(_, dissenter, key uintptr) uintptr {
		err := f.dissent(dissenter)
		h.media.Lock()
		defer h.media.Unlock()
		if a := h.media.answers[key]; a != nil {
			a.here, a.err = true, err
		}
		return 0
	})
	return c, nil
}

// holding is what is held now.
func (h *mac) holding() macHold {
	h.media.Lock()
	defer h.media.Unlock()
	hold := macHold{on: h.media.hold.on, offered: maps.Clone(h.media.hold.offered), ours: map[string]bool{}}
	for name := range h.media.ours {
		hold.ours[name] = true
	}
	return hold
}

func (h *mac) isAsked() bool {
	h.media.Lock()
	defer h.media.Unlock()
	return h.media.asked
}

// mayMount answers Disk Arbitration. A share on the network has no name of a disk.
func (h *mac) mayMount(name string) bool {
	hold := h.holding()
	if !hold.on || name == "" {
		return true
	}
	m, err := h.look()
	return err == nil && m.mayMount(hold, name)
}

// came sees to a disk that came, went or was read: what is held is closed, and the guard told.
func (h *mac) came(name string) {
	h.media.Lock()
	changed := h.media.changed
	h.media.Unlock()
	if hold := h.holding(); hold.on && macDiskName(name) {
		if m, err := h.look(); err == nil {
			for _, d := range m.disks {
				if d.name == name && d.portable() && !m.reachable(hold, d) {
					_ = closeNodes(name) // Eject tells when it cannot be done
				}
			}
		}
	}
	if changed != nil {
		changed()
	}
}

// look reads what is plugged in. It asks the kernel, and Disk Arbitration for disks of media.
func (h *mac) look() (macMedia, error) {
	var m macMedia
	f, err := h.frameworks()
	if err != nil {
		return m, err
	}
	at := map[uint64]int{}
	if err := f.each(classDevice, func(entry uint32, id uint64) {
		at[id] = len(m.devices)
		m.devices = append(m.devices, macDevice{id: id, said: f.entry(entry, deviceProperties()...)})
	}); err != nil {
		return m, err
	}
	if err := f.each(classFunction, func(entry uint32, _ uint64) {
		f.above(entry, func(parent uint32) bool {
			if f.conforms(parent, classDevice) == 0 {
				return true
			}
			var id uint64
			if f.entryID(parent, &id) != 0 {
				return false
			}
			if i, known := at[id]; known && len(m.devices[i].functions) < maxInterfaces {
				m.devices[i].functions = append(m.devices[i].functions, f.entry(entry, functionProperties()...))
			}
			return false
		})
	}); err != nil {
		return m, err
	}
	if err := f.each(classMedia, func(entry uint32, id uint64) {
		if d := f.disk(entry, id); macDiskName(d.name) {
			m.disks = append(m.disks, d)
		}
	}); err != nil {
		return m, err
	}
	if m.mounts, err = mounts(); err != nil {
		return m, err
	}
	session := f.sessionCreate(0) // questions alone need no run loop
	if session == 0 {
		return m, errors.New("disk arbitration gives no session")
	}
	defer f.free(session)
	for i := range m.disks {
		m.disks[i].said = f.describe(session, m.disks[i].name, diskProperties())
	}
	return m, nil
}

// Classes of the I/O registry.
const (
	classDevice   = "IOUSBHostDevice"
	classFunction = "IOUSBHostInterface"
	classMedia    = "IOMedia"
)

// deviceProperties and so on are what is asked of each entry.
func deviceProperties() []string {
	return []string{propVendor, propProduct, propPlace, propClass, propSerial, propOldSerial, propMaker, propOldMaker, propModel, propOldModel}
}

func functionProperties() []string {
	return []string{propNumber, propKind, propSub, propProtocol, propFunction, propOldName}
}

func diskProperties() []string {
	return []string{diskProtocol, diskMaker, diskModel, diskSize, diskWritable, diskContent, diskMountable, diskKind, diskName, diskUUID}
}

// disk reads where a disk, a partition or a volume hangs.
func (f *frameworks) disk(entry uint32, id uint64) macDisk {
	const name = "BSD Name"
	d := macDisk{name: f.entry(entry, name).text(name), id: id, function: -1}
	d.whole = d.name
	f.above(entry, func(parent uint32) bool {
		switch {
		case f.conforms(parent, classMedia) != 0:
			if of := f.entry(parent, name).text(name); macDiskName(of) {
				d.whole = of
				_ = f.entryID(parent, &d.id)
			}
		case f.conforms(parent, classFunction) != 0:
			d.function = f.entry(parent, propNumber).number(propNumber)
		case f.conforms(parent, classDevice) != 0:
			if f.entryID(parent, &d.device) != 0 {
				d.device = 0
			}
			return false
		}
		return true
	})
	return d
}

// mounts reads the table of mounts, as the kernel has it.
func mounts() ([]macMount, error) {
	for room := 256; ; room *= 2 {
		table := make([]unix.Statfs_t, room)
		n, err := unix.Getfsstat(table, unix.MNT_NOWAIT)
		if err != nil {
			return nil, fmt.Errorf("list mounts: %w", err)
		}
		if n == room && room < 1<<16 {
			continue // there may be more
		}
		out := make([]macMount, n)
		for i, s := range table[:n] {
			out[i] = macMount{unix.ByteSliceToString(s.Mntfromname[:]), unix.ByteSliceToString(s.Mntonname[:]), s.Flags&unix.MNT_RDONLY != 0}
		}
		return out, nil
	}
}

// WatchUSB answers Disk Arbitration while media are held, and tells of disks; of all other
// devices it knows by looking. It owns its thread.
func (h *mac) WatchUSB(ctx context.Context, changed func()) error {
	f, err := h.frameworks()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h.media.Lock()
	h.media.changed = changed
	h.media.Unlock()
	defer func() {
		h.media.Lock()
		h.media.changed = nil
		h.media.Unlock()
	}()
	for ctx.Err() == nil {
		if err := h.listen(ctx, f, h.holding().on); err != nil {
			return fmt.Errorf("watch media: %w", err)
		}
	}
	return nil
}

// listen keeps a session until it is wanted the other way. One that is asked hears of disks
// too: Disk Arbitration gives up asking a session that was late once and hears of nothing.
func (h *mac) listen(ctx context.Context, f *callbacks, asked bool) error {
	session, mode := f.sessionCreate(0), f.text("sekimori.watch")
	defer f.free(session, mode)
	if session == 0 || mode == 0 {
		return errors.New("disk arbitration gives no session")
	}
	loop := f.runLoop()
	f.schedule(session, loop, mode)
	defer f.unschedule(session, loop, mode)
	f.onAppeared(session, 0, f.changed, 0)
	f.onDisappeared(session, 0, f.changed, 0)
	f.onChanged(session, 0, 0, f.redescribed, 0)
	if asked {
		f.onMount(session, 0, f.mayMount, 0)
	}
	h.nowAsked(asked)
	defer h.nowAsked(false)
	var last []uint64
	for first := true; ctx.Err() == nil && h.holding().on == asked; first = false {
		if f.runLoopRun(mode, loopSlice.Seconds(), false) == loopFinished {
			return errors.New("disk arbitration has ended the session")
		}
		var now []uint64
		if err := f.each(classDevice, func(_ uint32, id uint64) { now = append(now, id) }); err != nil {
			return err
		}
		slices.Sort(now)
		if first || !slices.Equal(now, last) {
			last = now
			h.came("")
		}
	}
	return nil
}

func (h *mac) nowAsked(asked bool) {
	h.media.Lock()
	defer h.media.Unlock()
	h.media.asked = asked
}

// ask makes one request about a disk and waits for its answer.
func (h *mac) ask(ctx context.Context, name string, request func(f *callbacks, disk, key uintptr)) error {
	f, err := h.frameworks()
	if err != nil {
		return err
	}
	if !macDiskName(name) {
		return fmt.Errorf("%q is no disk", name)
	}
	ctx, stop := context.WithTimeout(ctx, answerWait)
	defer stop()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	session, mode := f.sessionCreate(0), f.text("sekimori.ask")
	defer f.free(session, mode)
	if session == 0 || mode == 0 {
		return errors.New("disk arbitration gives no session")
	}
	loop := f.runLoop()
	f.schedule(session, loop, mode)
	defer f.unschedule(session, loop, mode)
	disk := f.diskNamed(0, session, name)
	if disk == 0 {
		return fmt.Errorf("disk arbitration knows no %s", name)
	}
	defer f.free(disk)
	key := h.expect()
	defer h.forget(key)
	request(f, disk, key)
	for {
		if a := h.answer(key); a.here {
			return a.err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: disk arbitration does not answer: %w", name, ctx.Err())
		}
		if f.runLoopRun(mode, answerLook.Seconds(), true) == loopFinished && !h.answer(key).here {
			return fmt.Errorf("%s: disk arbitration has ended the session", name)
		}
	}
}

func (h *mac) expect() (key uintptr) {
	h.media.Lock()
	defer h.media.Unlock()
	h.media.last++
	h.media.answers[h.media.last] = &answer{}
	return h.media.last
}

func (h *mac) answer(key uintptr) answer {
	h.media.Lock()
	defer h.media.Unlock()
	return *h.media.answers[key]
}

func (h *mac) forget(key uintptr) {
	h.media.Lock()
	defer h.media.Unlock()
	delete(h.media.answers, key)
}

// mount mounts a volume, at a folder or for "" where macOS puts it. arguments are those of
// mount -o.
func (h *mac) mount(ctx context.Context, name, at string, arguments ...string) error {
	err := h.ask(ctx, name, func(f *callbacks, disk, key uintptr) {
		folder := uintptr(0)
		if at != "" {
			folder = f.folderURL(at)
		}
		list := make([]uintptr, 0, len(arguments)+1)
		for _, a := range arguments {
			list = append(list, f.text(a))
		}
		defer f.free(append(slices.Clone(list), folder)...)
		list = append(list, 0) // its end
		f.diskMount(disk, folder, 0, f.answered, key, &list[0])
	})
	if err != nil {
		return fmt.Errorf("mount %s: %w", name, err)
	}
	return nil
}

// unmount unmounts a volume: at once by force, or so when it cannot be done gently.
func (h *mac) unmount(ctx context.Context, name string, gently bool) (forced bool, err error) {
	by := func(options uint32) error {
		return h.ask(ctx, name, func(f *callbacks, disk, key uintptr) { f.diskUnmount(disk, options, f.answered, key) })
	}
	if gently && by(0) == nil {
		return false, nil
	}
	if err := by(unmountForce); err != nil {
		return true, fmt.Errorf("unmount %s: %w", name, err)
	}
	return true, nil
}
