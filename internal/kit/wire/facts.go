package wire

import (
	"encoding/json"
	"fmt"
)

// Facts is what changed on a PC since its last report: claims, never proof against who
// owns the PC.
type Facts struct {
	Seq   int64           `json:"seq"` // grows with each report of the device, kept on its disk: a repeat changes nothing
	At    Micros          `json:"at"`  // the PC's clock
	Facts map[string]Fact `json:"facts"`
}

// Fact is one thing read on a PC, or why it could not be read. A check is never silent.
type Fact struct {
	Value  json.RawMessage `json:"value,omitempty"`
	Unread string          `json:"unread,omitempty"` // why, one line, in English
	At     Micros          `json:"at"`               // when it was read
}

// Names of facts.
const (
	FactAgent     = "agent"     // AgentFact
	FactIsolation = "isolation" // IsolationFact
)

// FactOf makes a fact of a value.
func FactOf(v any, at Micros) (Fact, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return Fact{}, fmt.Errorf("marshal fact: %w", err)
	}
	return Fact{Value: raw, At: at}, nil
}

// AgentFact is the agent itself.
type AgentFact struct {
	Version    string `json:"version"`
	System     string `json:"system"` // "linux/amd64"
	Host       string `json:"host"`
	Privileged bool   `json:"privileged"` // may change the firewall
	DryRun     bool   `json:"dry_run"`    // only says what it would do
	Boot       string `json:"boot"`       // id of the boot that it runs in
	Document   int64  `json:"document"`   // version of the desired state in force
}

// IsolationState is how far an isolation has come. "Sent" is not among them.
type IsolationState string

// The states of isolation on a PC.
const (
	IsolationOff     IsolationState = "off"
	IsolationApplied IsolationState = "applied" // the rules stand
	IsolationProven  IsolationState = "proven"  // and the probes say so
	IsolationFailing IsolationState = "failing" // ordered, and not true; the agent keeps trying
	IsolationDryRun  IsolationState = "dry_run" // ordered, and only said what would be done: nothing is cut
)

// IsolationFact is what an agent knows of its isolation.
type IsolationFact struct {
	State    IsolationState `json:"state"`
	Order    string         `json:"order,omitempty"` // of the document; "" for a press at the PC that no document knows yet
	Local    int64          `json:"local,omitempty"` // presses of "infected" at this PC so far
	Since    Micros         `json:"since,omitempty"` // of the press or the order
	Applied  Micros         `json:"applied,omitempty"`
	Proven   Micros         `json:"proven,omitempty"`
	DryRun   bool           `json:"dry_run,omitempty"`
	Problems []string       `json:"problems,omitempty"` // what is not as it must be, in English, one line each
	Steps    []string       `json:"steps,omitempty"`    // what a dry run would do
	Undone   int64          `json:"undone,omitempty"`   // times that somebody took our rules away, and they were put back
	Wifi     string         `json:"wifi,omitempty"`     // "off", "left on: the server is reached through it", "could not: …", ""
	Inhibit  string         `json:"inhibit,omitempty"`  // "held", or why shutting down is not held back
	Release  *CodeRelease   `json:"release,omitempty"`  // the last release by code
}

// InOneForm gives the fact as agents tell it now. Older ones told a dry run as "applied"
// or "proven" with DryRun beside it; nothing is cut by a dry run, whatever else it says.
func (f IsolationFact) InOneForm() IsolationFact {
	if f.DryRun && (f.State == IsolationApplied || f.State == IsolationProven) {
		f.State = IsolationDryRun
	}
	f.DryRun = f.DryRun || f.State == IsolationDryRun
	return f
}

// CodeRelease tells the server that a code was used, so that its next document agrees.
type CodeRelease struct {
	Challenge string `json:"challenge"`
	Order     string `json:"order,omitempty"`
	Local     int64  `json:"local,omitempty"`
	At        Micros `json:"at"`
}
