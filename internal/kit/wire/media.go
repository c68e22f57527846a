package wire

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// GuardMode says what the guard on a PC does with media that are not allowed.
type GuardMode string

// The modes.
const (
	GuardOff     GuardMode = "off"
	GuardObserve GuardMode = "observe" // nothing is blocked; what would have been is told
	GuardBlock   GuardMode = "block"
)

// Media is what a PC's guard must do: part of the desired state.
type Media struct {
	Mode     GuardMode     `json:"mode"`
	Allowed  []Medium      `json:"allowed,omitempty"`
	Register *Registration `json:"register,omitempty"`
}

// Medium is one company medium that works on this PC from a time until another.
type Medium struct {
	Asset    string `json:"a"`           // our number
	Loan     string `json:"l,omitempty"` // label of the loan
	Vendor   string `json:"v"`           // 4 hex digits: USB's, or the maker of a card in a reader that is built in
	Product  string `json:"p"`           // … and the OEM of such a card
	Serial   string `json:"s,omitempty"` // … and its CID without the checksum, 30 hex digits
	Token    string `json:"t,omitempty"` // id of the token that must be on it; "" where it has none
	From     Micros `json:"f"`
	Until    Micros `json:"u"`
	ReadOnly bool   `json:"r,omitempty"`
}

// Registration asks the PC to take the next unknown medium that is plugged in as ours:
// its identity is read and the token written onto it.
type Registration struct {
	ID    string `json:"id"`    // reg_…; done once
	Asset string `json:"asset"` // our number
	Token string `json:"token"` // the whole text of the file TokenFile, a signed note
	Until Micros `json:"until"`
}

// MaxMedia bounds the media of one PC.
const MaxMedia = 20_000

// check refuses what no PC could act on.
func (m Media) check() error {
	if m.Mode != GuardOff && m.Mode != GuardObserve && m.Mode != GuardBlock {
		return fmt.Errorf("%w: guard mode %q", ErrDocument, m.Mode)
	}
	if len(m.Allowed) > MaxMedia {
		return fmt.Errorf("%w: %d media", ErrDocument, len(m.Allowed))
	}
	for i := range m.Allowed {
		if a := &m.Allowed[i]; !a.sound() {
			return fmt.Errorf("%w: medium %q", ErrDocument, a.Asset)
		}
	}
	if r := m.Register; r != nil &&
		(r.ID == "" || len(r.ID) > maxMediaName || r.Asset == "" || len(r.Asset) > maxMediaName ||
			r.Token == "" || len(r.Token) > MaxMediumToken || r.Until <= 0) {
		return fmt.Errorf("%w: registration %.80q", ErrDocument, r.ID)
	}
	return nil
}

const (
	maxMediaName   = 80  // bytes of an asset's number, a loan's label, an id
	maxMediaSerial = 512 // USB writes at most 126 UTF-16 units: 378 bytes
)

func (m *Medium) sound() bool {
	return m.Asset != "" && len(m.Asset) <= maxMediaName && len(m.Loan) <= maxMediaName && len(m.Token) <= maxMediaName &&
		len(m.Serial) <= maxMediaSerial && isHex4(m.Vendor) && isHex4(m.Product) && m.From >= 0 && m.Until > m.From
}

// isHex4 reports whether s is a USB id as Linux writes it: four lower-case hex digits.
func isHex4(s string) bool {
	return len(s) == 4 && strings.Trim(s, "0123456789abcdef") == ""
}

// TokenFile is the file in the root of a registered medium.
const TokenFile = "SEKIMORI.MEDIUM"

// MediumToken is what the file says.
type MediumToken struct {
	ID    string // tok_…
	Asset string // our number
}

const mediumToken = "sekimori medium v1\n"

// SignMedium makes the text of TokenFile.
func SignMedium(t MediumToken, signer note.Signer) (string, error) {
	if t.ID == "" || t.Asset == "" || strings.ContainsAny(t.ID+t.Asset, "\n\r") {
		return "", fmt.Errorf("%w: medium token", ErrForm)
	}
	signed, err := note.Sign(&note.Note{Text: mediumToken + t.ID + "\n" + t.Asset + "\n"}, signer)
	if err != nil {
		return "", fmt.Errorf("sign medium: %w", err)
	}
	return string(signed), nil
}

// OpenMedium reads the text of TokenFile. ErrSignature: another company's, or a forged one.
func OpenMedium(signed string, trusted note.Verifiers) (MediumToken, error) {
	if len(signed) > MaxMediumToken {
		return MediumToken{}, fmt.Errorf("%w: %d bytes", ErrForm, len(signed))
	}
	n, err := note.Open([]byte(signed), trusted)
	if err != nil {
		return MediumToken{}, ErrSignature
	}
	rest, ok := strings.CutPrefix(n.Text, mediumToken)
	lines := strings.Split(rest, "\n")
	if !ok || len(lines) != 3 || lines[0] == "" || lines[1] == "" || lines[2] != "" {
		return MediumToken{}, fmt.Errorf("%w: medium token", ErrForm)
	}
	return MediumToken{ID: lines[0], Asset: lines[1]}, nil
}

// MaxMediumToken bounds the file, in bytes.
const MaxMediumToken = 4 << 10

// What happened with a medium.
const (
	MediaRefused    = "refused"    // held: its content could not be reached
	MediaObserved   = "observed"   // would have been refused, were the guard blocking
	MediaAdmitted   = "admitted"   // works
	MediaEnding     = "ending"     // the person was told that the loan ends soon
	MediaEnded      = "ended"      // taken away because its time was over
	MediaRemoved    = "removed"    // unplugged by the person
	MediaWritten    = "written"    // files were written onto it
	MediaRegistered = "registered" // identity read, token written
	MediaUnread     = "unread"     // the guard could not do its work: see Why
)

// Why a medium was not admitted.
const (
	WhyUnknown    = "unknown"     // not a medium of the company's, or not lent for this PC
	WhyPhone      = "phone"       // phones are neither storage nor to be charged here
	WhyEarly      = "early"       // the loan has not begun
	WhyOver       = "over"        // the loan is over
	WhyNoToken    = "no_token"    // looks like ours, but our token is not on it
	WhyBadToken   = "bad_token"   // a token that is not ours, or of another medium
	WhyMalformed  = "malformed"   // its descriptors make no sense
	WhyNoDocument = "no_document" // this PC has no desired state yet
	WhyTwice      = "twice"       // the same medium is plugged in already
)

// MediaEvent is one thing that happened, told once.
type MediaEvent struct {
	Key      string        `json:"key"` // the PC's own
	At       Micros        `json:"at"`  // trusted time
	What     string        `json:"what"`
	Why      string        `json:"why,omitempty"`
	Class    string        `json:"class"` // "storage", "phone", "reader"
	Vendor   string        `json:"vendor,omitempty"`
	Product  string        `json:"product,omitempty"`
	Serial   string        `json:"serial,omitempty"`
	Name     string        `json:"name,omitempty"`
	Capacity int64         `json:"capacity,omitempty"`
	Volume   string        `json:"volume,omitempty"`
	Token    string        `json:"token,omitempty"` // id of the token found on it
	Asset    string        `json:"asset,omitempty"`
	Loan     string        `json:"loan,omitempty"`
	Register string        `json:"register,omitempty"` // id of the registration that it completes
	User     string        `json:"user,omitempty"`     // signed in at the PC
	Detail   string        `json:"detail,omitempty"`   // one English line, for MediaUnread
	Files    []WrittenFile `json:"files,omitempty"`
	More     int           `json:"more,omitempty"` // files beyond those that are named
}

// WrittenFile is one file that was written: never its content.
type WrittenFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	At   Micros `json:"at"`
}

// MediaEvents is the body of PathMedia.
type MediaEvents struct {
	Events []MediaEvent `json:"events"`
}

// Bounds of what a PC tells of media.
const (
	MaxMediaEvents  = 256 // in one request
	MaxWrittenFiles = 200 // in one event
)

// FactMedia is the guard itself: MediaFact.
const FactMedia = "media"

// MediaFact is how the guard stands.
type MediaFact struct {
	Mode    GuardMode `json:"mode"`               // in force
	Able    bool      `json:"able"`               // this PC can hold media before they can be mounted
	Since   Micros    `json:"since,omitempty"`    // the hold has stood since
	Problem []string  `json:"problems,omitempty"` // what it cannot do, one English line each
	Time    string    `json:"time"`               // "server", "document", "pc": what loans are judged by
	DryRun  bool      `json:"dry_run,omitempty"`
}
