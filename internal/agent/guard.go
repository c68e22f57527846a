package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// fileGuard is what the guard remembers over its own restarts: guardMemory.
const fileGuard = "guard.json"

// Pace of the guard.
const (
	guardTick  = 10 * time.Second // while a medium works: a PC that slept wakes late
	guardIdle  = 3 * time.Minute  // else; the floor of time is written down then
	guardAgain = 5 * time.Second  // after something failed
	firstWarn  = 15 * time.Minute // before the end of a loan …
	lastWarn   = 5 * time.Minute  // … and again
	filesEvery = time.Minute      // between two events of written files
	maxMinute  = 60               // events in a minute; more are counted only
	maxSaid    = 20               // texts on people's screens in a minute
	sayAgain   = 10 * time.Second // the same text not before
	maxWork    = 32               // devices that are worked on at a time: each may keep a thread
	slowMost   = time.Minute      // at most this long between two tries with a disk that does not come
	slowTold   = 3                // tries after which people are told of it
)

// guard holds media that are not lent for this PC. What is plugged in gets no driver until
// it was judged; a medium on loan is read privately for its token before people may mount
// it, and taken away when its time is over. It obeys the stored desired state, and waits
// for no server.
type guard struct {
	host    host.MediaGuard
	clock   Clock
	dry     bool
	log     *slog.Logger
	boot    string
	path    string // of fileGuard
	say     func(id string, args ...any) string
	wanted  func() guardOrder
	server  func() (time.Time, bool)
	keep    func(wire.MediaEvent) error // for the server
	changed func()                      // something to report

	wake  chan struct{}
	work  sync.WaitGroup // what one device needs must not keep another waiting
	slots chan struct{}  // held by who is at work on a device

	mu      sync.Mutex
	memory  guardMemory
	plugged map[string]*plugged
	mode    wire.GuardMode
	fact    wire.MediaFact
	issues  map[string]string // what does not work, by what it is about
	recent  []time.Duration   // when events of the last minute were …
	said    []saying          // … and texts
	saved   time.Duration     // when the memory was written …
	written string            // … and what it said, but for the floor
	taking  string            // the registration that a device is being taken for
	lost    int               // events that were not kept
}

// guardOrder is what the desired state says of media.
type guardOrder struct {
	known   bool // false: there is no desired state, such as after its file was damaged
	media   wire.Media
	trusted note.Verifiers // who may sign tokens
	issued  wire.Micros
}

// guardMemory is kept on disk. What it says of devices counts only for the same start of the
// system and the same plugging-in.
type guardMemory struct {
	Floor      floor                 `json:"floor"`
	Boot       string                `json:"boot"`
	Mode       wire.GuardMode        `json:"mode,omitempty"`       // of the newest desired state
	Held       bool                  `json:"held,omitempty"`       // what is plugged in waits for us
	Registered []string              `json:"registered,omitempty"` // registrations that are done
	Plugs      map[string]plugMemory `json:"plugs,omitempty"`      // by path
}

type plugMemory struct {
	Plug   string      `json:"plug"`
	State  plugState   `json:"state"`
	Why    string      `json:"why,omitempty"`
	Tried  string      `json:"tried,omitempty"`
	Medium wire.Medium `json:"medium"`
	Disks  string      `json:"disks,omitempty"`
	Warned int         `json:"warned,omitempty"`
	Stores []int       `json:"stores,omitempty"`
	Bare   bool        `json:"unproven,omitempty"`
}

// saying is a text that people were shown, and when.
type saying struct {
	at   time.Duration
	text string
}

type plugState string

const (
	plugNew      plugState = ""         // nothing is decided
	plugFree     plugState = "free"     // no medium, or nothing is held here
	plugHeld     plugState = "held"     // its content cannot be reached
	plugObserved plugState = "observed" // it would be held
	plugAdmitted plugState = "admitted" // a medium on loan: works
)

// plugged is one device that is plugged in. The guard's mu guards it.
type plugged struct {
	path, name string // as it came; they stay, and need no mu
	dev        host.USBDevice
	busy       bool  // somebody is at work on it
	looked     bool  // the names of its interfaces were read
	stores     []int // interfaces that turned out to be disks, whatever they call themselves
	state      plugState
	why        string
	tried      string // the media that it was taken for when its token was found wanting
	medium     wire.Medium
	bare       bool // admitted by observing only: its token was not read
	slow       int  // how often no disk came
	disks      []host.Disk
	seen       string // how disks looked when it was admitted
	token      string // id of the token that was found on it
	warned     int
	after      time.Duration // after a failure nothing is tried before
	stop       func()        // ends the watch of what is written, and waits for it
}

func newGuard(h host.MediaGuard, dir string, boot string, clock Clock) *guard {
	g := &guard{host: h, clock: clock, boot: boot, path: dir, log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1),
		slots:   make(chan struct{}, maxWork),
		plugged: map[string]*plugged{}, issues: map[string]string{}, changed: func() {},
		say:    func(id string, _ ...any) string { return id },
		server: func() (time.Time, bool) { return time.Time{}, false }}
	raw, err := readFile(g.file())
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &g.memory)
	}
	if err != nil {
		g.memory = guardMemory{}
		g.issues["memory"] = fileGuard + " cannot be read: what is plugged in is judged anew"
	}
	if g.memory.Boot != boot || boot == "" {
		g.memory.Boot, g.memory.Held, g.memory.Plugs = boot, false, nil
	}
	if g.memory.Plugs == nil {
		g.memory.Plugs = map[string]plugMemory{}
	}
	return g
}

func (g *guard) file() string { return loadPath(g.path, fileGuard) }

func (g *guard) stir() { signal(g.wake) }

// save writes the memory down when it says something new, or when the floor of time is due:
// a keyboard waits for no disk. The caller holds mu.
func (g *guard) save() {
	g.memory.Plugs = map[string]plugMemory{}
	for path, p := range g.plugged {
		if p.state == plugHeld || p.state == plugAdmitted || p.state == plugObserved {
			g.memory.Plugs[path] = plugMemory{p.dev.Plug, p.state, p.why, p.tried, p.medium, p.seen, p.warned, p.stores, p.bare}
		}
	}
	m := g.memory
	m.Floor = floor{}
	news, err := json.Marshal(m)
	if err == nil && string(news) == g.written && g.issues["disk"] == "" && g.clock.Running() < g.saved+guardIdle {
		return
	}
	raw, merr := json.Marshal(g.memory)
	if err = errors.Join(err, merr); err == nil {
		err = writeFile(g.file(), append(raw, '\n'), 0o600)
	}
	g.saved, g.written = g.clock.Running(), string(news)
	g.note("disk", err)
}

// note keeps what does not work, for the facts. The caller holds mu.
func (g *guard) note(about string, err error) {
	if err == nil {
		delete(g.issues, about)
		return
	}
	text := oneLine(err.Error())
	if g.issues[about] != text {
		g.log.Warn("media", "about", about, "error", err)
	}
	g.issues[about] = text
}

// Fact tells how the guard stands.
func (g *guard) Fact() wire.MediaFact {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.fact
	for _, about := range slices.Sorted(maps.Keys(g.issues)) {
		f.Problem = append(f.Problem, g.issues[about])
	}
	if g.lost > 0 {
		f.Problem = append(f.Problem, fmt.Sprintf("%d events of media were not kept: there were too many", g.lost))
	}
	return f
}
