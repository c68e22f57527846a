package agent

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// The files of the state folder.
const (
	fileKey      = "key"        // the device's key: an Ed25519 seed
	fileIdentity = "agent.json" // Identity
	fileDocument = "document"   // the newest desired state, as it was signed
	fileMemory   = "local.json" // memory
	fileMark     = "isolated"   // mark; there while the network is, or is to be, cut
	fileLock     = "lock"
	dirSpool     = "spool"
)

// ErrNotEnrolled says that this PC belongs to no server yet.
var ErrNotEnrolled = errors.New("agent: this PC is not enrolled")

// Identity is who this PC is to its server: what enrolment gave.
type Identity struct {
	Server     string      `json:"server"`       // https://sekimori.example:8420
	CA         string      `json:"ca,omitempty"` // PEM of the company's own authority
	Device     string      `json:"device"`
	Person     string      `json:"person"` // whom the PC is bound to, for showing
	wire.Trust             // keys that may sign desired states; guarded by whoever guards the state
	Secret     []byte      `json:"secret"` // of release codes
	EnrolledAt wire.Micros `json:"enrolled_at"`
	// Servers are those of the first desired state: the way back for a PC that has lost
	// every later one.
	Servers []wire.Server `json:"servers"`

	Key ed25519.PrivateKey `json:"-"` // nil when its file cannot be read: nothing can be sent then
}

// memory is what this PC itself has lived through.
type memory struct {
	Presses       int64             `json:"presses"`        // of "infected" so far
	Over          string            `json:"over"`           // order of the desired state at the newest press: it knew nothing of the press
	Since         wire.Micros       `json:"since"`          // of the isolation in force
	ReleasedLocal int64             `json:"released_local"` // presses that a code has ended
	Ended         int64             `json:"ended"`          // presses that are over, whatever ended them
	ReleasedOrder string            `json:"released_order"` // the order that a code has ended
	Release       *wire.CodeRelease `json:"release,omitempty"`
	Newest        int64             `json:"newest"` // version of the newest desired state ever seen
	Seq           int64             `json:"seq"`    // of the last report of facts
	Undone        int64             `json:"undone"`
	CutIn         string            `json:"cut_in"`   // boot in which the rules were last put in
	WifiOff       bool              `json:"wifi_off"` // we switched it off
	Filed         string            `json:"filed"`    // key of the newest report that lies in the spool or was sent
	Label         string            `json:"label"`    // its case, once the server has answered
	Codes         codes             `json:"codes"`
	AdminCodes    codes             `json:"admin_codes"`
}

// codesOf are those of a source.
func (m *memory) codesOf(s source) *codes {
	if s == administrator {
		return &m.AdminCodes
	}
	return &m.Codes
}

// mark is written before the network is cut and taken away after it is open again. It
// repeats what matters, so that a crash in between or an unreadable file elsewhere
// leaves the PC isolated.
type mark struct {
	Local   int64            `json:"local,omitempty"`   // memory.Presses, when a press is a cause
	Over    string           `json:"over,omitempty"`    // memory.Over
	Order   string           `json:"order,omitempty"`   // when an order is a cause
	Version int64            `json:"version,omitempty"` // of the desired state that held it
	Since   wire.Micros      `json:"since"`
	Boot    string           `json:"boot"`
	Wifi    bool             `json:"wifi,omitempty"`
	Servers []netip.AddrPort `json:"servers,omitempty"`
	Report  *wire.Infection  `json:"report,omitempty"` // of the newest press
	Doubt   bool             `json:"doubt,omitempty"`  // it was there and could not be understood
}

// state is the folder as it was read. Its owner guards it.
type state struct {
	dir      string
	id       *Identity // nil: not enrolled, or unreadable
	doc      *wire.Document
	memory   memory
	mark     *mark
	problems []string // what could not be read, in English
	heeded   bool     // the stored desired state says more of keys than the stored identity
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

// loadState reads the folder. It never fails: whatever cannot be read is a problem, and
// an isolation that stands in doubt stays.
func loadState(dir string) *state {
	s := &state{dir: dir}
	s.loadIdentity()
	s.loadDocument()
	s.loadMark()
	s.loadMemory()
	return s
}

func (s *state) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func (s *state) loadIdentity() {
	raw, err := readFile(s.path(fileIdentity))
	if raw == nil && err == nil {
		return
	}
	var id Identity
	if err == nil {
		err = json.Unmarshal(raw, &id)
	}
	if err == nil {
		_, err = id.Verifiers()
	}
	if err != nil || !wire.ValidDeviceID(id.Device) || len(id.Keys) == 0 {
		s.problem("%s cannot be read: this PC must be enrolled anew", fileIdentity)
		return
	}
	seed, err := readFile(s.path(fileKey))
	if err == nil && len(seed) == ed25519.SeedSize {
		id.Key = ed25519.NewKeyFromSeed(seed)
	}
	if id.Key == nil || wire.DeviceID(id.Key.Public().(ed25519.PublicKey)) != id.Device {
		id.Key = nil
		s.problem("%s cannot be read: the server cannot be told anything", fileKey)
	}
	s.id = &id
}

func (s *state) loadDocument() {
	raw, err := readFile(s.path(fileDocument))
	if raw == nil && err == nil || s.id == nil {
		return
	}
	if err == nil {
		var d wire.Document
		trusted, bad := s.id.Verifiers()
		if bad == nil {
			d, err = wire.OpenDocument(string(raw), trusted, s.id.Device, 0)
		}
		if err == nil && bad == nil {
			s.doc = &d
			s.heeded = s.id.Heed(d, string(raw)) // it is written down before what it says of keys
			return
		}
	}
	s.problem("the stored desired state cannot be used: %v", err)
}

func (s *state) loadMark() {
	raw, err := readFile(s.path(fileMark))
	if raw == nil && err == nil {
		return
	}
	s.mark = &mark{}
	if err == nil {
		err = json.Unmarshal(raw, s.mark)
	}
	if err != nil || s.mark.Since <= 0 {
		s.mark = &mark{Doubt: true}
		s.problem("%s cannot be read: the isolation stays", fileMark)
	}
}

func (s *state) loadMemory() {
	raw, err := readFile(s.path(fileMemory))
	lost := err != nil || raw == nil && s.mark != nil
	if err == nil && raw != nil {
		d := json.NewDecoder(bytes.NewReader(raw))
		lost = d.Decode(&s.memory) != nil
	}
	if lost {
		s.problem("%s cannot be read: what was counted is lost", fileMemory)
		s.memory = memory{Codes: codes{Issued: maxChallenges}, AdminCodes: codes{Issued: maxChallenges}}
		if s.doc != nil {
			s.memory.Presses = s.doc.Isolation.Local
		}
		if s.mark != nil && s.mark.Doubt {
			s.memory.Presses++ // whatever cut the network, only a release that is made from now on ends it
		}
	}
	// The mark is written first; the rest may have been cut short.
	if s.mark != nil {
		if s.mark.Local > s.memory.Presses {
			s.memory.Presses, s.memory.Over = s.mark.Local, s.mark.Over
		}
		if s.memory.Since == 0 {
			s.memory.Since = s.mark.Since
		}
	}
	if s.doc != nil {
		s.memory.Newest = max(s.memory.Newest, s.doc.Version)
	}
}

// cause is why the network is to be cut.
type cause struct {
	on      bool
	pressed bool   // somebody at the PC pressed "infected"
	order   string // of the server
	wifi    bool
	doubt   bool // nobody knows why, but it was cut
}

func (s *state) cause() cause {
	c := cause{pressed: s.memory.Presses > max(s.memory.ReleasedLocal, s.memory.Ended)}
	m := s.mark
	behind := m != nil && (s.doc == nil || s.doc.Version < m.Version)
	switch {
	case behind && m.Order != "" && m.Order != s.memory.ReleasedOrder:
		c.order, c.wifi = m.Order, m.Wifi
	case s.doc == nil && m != nil && m.Doubt:
		c.doubt = true // until a desired state says what is to be
	case s.doc == nil:
	case s.doc.Isolation.On:
		if s.doc.Isolation.Order != s.memory.ReleasedOrder {
			c.order, c.wifi = s.doc.Isolation.Order, s.doc.Isolation.Wifi
		}
	case !behind && s.releases(s.doc.Isolation):
		c.pressed = false
	}
	c.on = c.doubt || c.pressed || c.order != ""
	return c
}

// releases reports whether an order ends what the person at the PC has cut off: it must
// know of the newest press, and be another one than was in force at that press. A
// desired state that was only renewed in between releases nothing.
func (s *state) releases(i wire.Isolation) bool {
	return !i.On && i.Order != "" && i.Order != s.memory.Over && i.Local >= s.memory.Presses
}

// allow is what stays open while the network is cut.
func (s *state) allow() host.Allow {
	var out []netip.AddrPort
	for _, srv := range s.servers() {
		for _, a := range srv.Addrs {
			out = append(out, netip.AddrPortFrom(a.Unmap(), srv.Port))
		}
	}
	if s.doc == nil && s.mark != nil {
		out = append(out, s.mark.Servers...)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return host.Allow{Servers: slices.Compact(out)}
}

// servers are where the server is, as far as it is known.
func (s *state) servers() []wire.Server {
	switch {
	case s.doc != nil:
		return s.doc.Servers
	case s.id != nil:
		return s.id.Servers
	}
	return nil
}

// contacts are whom to call, as far as it is known.
func (s *state) contacts() []wire.Contact {
	if s.doc == nil {
		return nil
	}
	return s.doc.Contacts
}

func (s *state) saveMemory() error { return s.saveJSON(fileMemory, s.memory, 0o600) }

func (s *state) saveIdentity() error { return s.saveJSON(fileIdentity, s.id, 0o600) }

func (s *state) saveJSON(name string, v any, mode os.FileMode) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return writeFile(s.path(name), append(raw, '\n'), mode)
}

// Contacts reads whom to call from the state folder, without any right but to read the
// stored desired state. It is for showing only: nothing is verified.
func Contacts(dir string) []wire.Contact {
	if d := glanceAtDocument(dir); d != nil {
		return d.Contacts
	}
	return nil
}

func glanceAtDocument(dir string) *wire.Document {
	raw, err := readFile(filepath.Join(dir, fileDocument))
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	var d wire.Document
	if json.Unmarshal([]byte(line), &d) != nil {
		return nil
	}
	return &d
}

// makeFolder makes the state folder. People may look into it, for whom to call; what is
// secret is closed by its own mode.
func makeFolder(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, dirSpool), 0o755); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	if err := os.Chmod(filepath.Join(dir, dirSpool), 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	if err := host.MakePrivate(dir); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	return nil
}

// deviceKey gives the device's key, made on the first call.
func deviceKey(dir string) (ed25519.PrivateKey, error) {
	name := filepath.Join(dir, fileKey)
	seed, err := readFile(name)
	if err != nil {
		return nil, err
	}
	if len(seed) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(seed), nil
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, writeFile(name, key.Seed(), 0o600)
}
