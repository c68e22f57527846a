package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// documentType opens every desired state, so that a signature over something else is
// never taken for one.
const documentType = "sekimori-desired-state-v1"

// Document is what one PC must be, as its server says: the whole of it, each time.
// Signed, it is a note (C2SP signed-note): one line of canonical JSON, an empty line and
// the signature.
type Document struct {
	Type      string    `json:"type"`
	Device    string    `json:"device"`
	Version   int64     `json:"version"` // grows by one with each change
	Issued    Micros    `json:"issued"`  // the server's time when it was made
	Until     Micros    `json:"until"`   // how long that time may be built upon; isolation does not end with it
	Servers   []Server  `json:"servers"` // the only places that an isolated PC may reach
	Isolation Isolation `json:"isolation"`
	Contacts  []Contact `json:"contacts,omitempty"` // whom to call when nothing else works
	Company   string    `json:"company,omitempty"`
	Media     *Media    `json:"media,omitempty"` // nil: nothing is said of media, and none is held
	// Retired names signing keys that are believed never again (KeyName). Every document
	// says all of them, so that nobody on the way can keep them from a PC that is obeying.
	Retired []string `json:"retired,omitempty"`
}

// Server is one address of the management server, pinned: an isolated PC asks no DNS.
type Server struct {
	URL   string       `json:"url"` // https://sekimori.example:8420; the name that the certificate must have
	Addrs []netip.Addr `json:"addrs"`
	Port  uint16       `json:"port"`
}

// Isolation is the order in force.
type Isolation struct {
	On    bool   `json:"on"`
	Order string `json:"order,omitempty"` // id of the order; an order that a code has ended is not obeyed again
	Since Micros `json:"since,omitempty"`
	// Local is the number of the PC's own presses of "infected" that the server has
	// taken into account: a document that does not know of the newest press cannot
	// release what the person at the PC has cut off.
	Local int64 `json:"local,omitempty"`
	// Wifi switches Wi-Fi off even when the server is reached through it.
	Wifi bool `json:"wifi,omitempty"`
}

// Contact is somebody to call.
type Contact struct {
	Role  string `json:"role"` // "it_admin", "protection_manager", "supervisor"
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

// Reasons why a document is refused. Each is an ErrDocument.
var (
	ErrDocument  = errors.New("wire: desired state refused")
	ErrSignature = fmt.Errorf("%w: no trusted key signed it", ErrDocument)
	ErrDevice    = fmt.Errorf("%w: it is another device's", ErrDocument)
	ErrOlder     = fmt.Errorf("%w: a newer one is known", ErrDocument)
)

// Sign gives the signed form of d.
func (d Document) Sign(signers ...note.Signer) (string, error) {
	d.Type = documentType
	if err := d.check(); err != nil {
		return "", err
	}
	body, err := canonical(d)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: string(body) + "\n"}, signers...)
	if err != nil {
		return "", fmt.Errorf("sign desired state: %w", err)
	}
	return string(signed), nil
}

// OpenDocument checks a signed desired state against the trusted keys, the device that
// it must be for, and the newest version that the device knows.
func OpenDocument(signed string, trusted note.Verifiers, device string, newest int64) (Document, error) {
	var d Document
	if len(signed) > MaxDocument {
		return d, fmt.Errorf("%w: %d bytes", ErrDocument, len(signed))
	}
	n, err := note.Open([]byte(signed), trusted)
	if err != nil {
		return d, ErrSignature
	}
	body, ok := strings.CutSuffix(n.Text, "\n")
	if !ok || strings.Contains(body, "\n") {
		return d, fmt.Errorf("%w: %w", ErrDocument, ErrForm)
	}
	if !isCanonical(body) {
		same, err := recanon([]byte(body))
		if err != nil || string(same) != body {
			return d, fmt.Errorf("%w: not canonical: %w", ErrDocument, errors.Join(ErrForm, err))
		}
	}
	media, without, many := takeMedia(body)
	if err := json.Unmarshal([]byte(without), &d); err != nil {
		return d, fmt.Errorf("%w: %v", ErrDocument, err)
	}
	if many && d.Media != nil {
		d.Media.Allowed = media
	}
	switch {
	case d.Type != documentType:
		return d, fmt.Errorf("%w: type %q", ErrDocument, d.Type)
	case d.Device != device:
		return d, ErrDevice
	case d.Version < newest:
		return d, ErrOlder
	}
	return d, d.check()
}

// check refuses what no PC could act on.
func (d Document) check() error {
	if d.Version < 1 || !ValidDeviceID(d.Device) || d.Issued <= 0 || d.Until < d.Issued {
		return fmt.Errorf("%w: version, device or times are missing", ErrDocument)
	}
	if len(d.Servers) == 0 || len(d.Servers) > 16 {
		return fmt.Errorf("%w: %d servers", ErrDocument, len(d.Servers))
	}
	for _, s := range d.Servers {
		if s.URL == "" || s.Port == 0 || len(s.Addrs) == 0 || len(s.Addrs) > 64 {
			return fmt.Errorf("%w: server %q has no address", ErrDocument, s.URL)
		}
		for _, a := range s.Addrs {
			if !a.IsValid() || a.IsUnspecified() || a.Zone() != "" {
				return fmt.Errorf("%w: server %q: address %v", ErrDocument, s.URL, a)
			}
		}
	}
	if d.Isolation.On && d.Isolation.Order == "" {
		return fmt.Errorf("%w: isolation without an order", ErrDocument)
	}
	// A PC names files after it.
	if o := d.Isolation.Order; len(o) > 60 || strings.Trim(o, orderLetters) != "" {
		return fmt.Errorf("%w: order %q", ErrDocument, o)
	}
	if d.Media != nil {
		return d.Media.check()
	}
	return nil
}

// orderLetters are the characters of an order's id.
const orderLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// ticket opens every permission to take the agent away.
const ticket = "sekimori uninstall v1\n"

// SignTicket lets one device's agent be taken away until a time.
func SignTicket(device string, until Micros, signer note.Signer) (string, error) {
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s%s\n%d\n", ticket, device, until)}, signer)
	if err != nil {
		return "", fmt.Errorf("sign ticket: %w", err)
	}
	return string(signed), nil
}

// OpenTicket gives the time until which a ticket lets the device's agent be taken away.
func OpenTicket(signed string, trusted note.Verifiers, device string) (until Micros, err error) {
	n, err := note.Open([]byte(signed), trusted)
	if err != nil {
		return 0, ErrSignature
	}
	var named string
	if _, err := fmt.Sscanf(n.Text, ticket+"%s\n%d\n", &named, &until); err != nil || n.Text != fmt.Sprintf("%s%s\n%d\n", ticket, named, until) {
		return 0, fmt.Errorf("%w: uninstall ticket", ErrForm)
	}
	if named != device {
		return 0, ErrDevice
	}
	return until, nil
}
