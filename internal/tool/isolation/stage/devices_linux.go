package stage

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Device is a PC as the server's API shows it.
type Device struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Online    bool   `json:"online"`
	Desired   int64  `json:"desired_version"`
	Applied   int64  `json:"applied_version"`
	DryRun    bool   `json:"dry_run"`
	Isolation struct {
		Wanted   bool     `json:"wanted"`
		State    string   `json:"state"`
		Problems []string `json:"problems"`
		Order    *Order   `json:"order"`
	} `json:"isolation"`
	Orders []Order `json:"orders"`
}

// Order is one order to a PC.
type Order struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Via       string    `json:"via"`
	Incident  string    `json:"incident"`
	Requested time.Time `json:"requested"`
	Applied   time.Time `json:"applied"`
	Proven    time.Time `json:"proven"`
	Version   int64     `json:"version"`
}

// Case is an incident as the server's API shows it.
type Case struct {
	ID       string                              `json:"id"`
	Label    string                              `json:"label"`
	Kind     string                              `json:"kind"`
	Summary  string                              `json:"summary"`
	Entries  []struct{ Type, Text string }       `json:"entries"`
	Evidence []struct{ ID, Name, SHA256 string } `json:"evidence"`
}

// Event is an entry of the record.
type Event struct {
	Kind    string          `json:"kind"`
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
}

// EnrolToken makes a token that enrols one PC for the administrator.
func (s *Server) EnrolToken() string {
	s.t.Helper()
	var out struct{ Secret string }
	s.Ask(http.MethodPost, "/devices/tokens", map[string]any{"person": "0001"}, &out)
	return out.Secret
}

// Device gives a PC as the server knows it.
func (s *Server) Device(id string) Device {
	s.t.Helper()
	var d Device
	s.Ask(http.MethodGet, "/devices/"+id, nil, &d)
	return d
}

// Isolate orders that a PC be cut off.
func (s *Server) Isolate(id, reason string) Order {
	s.t.Helper()
	var o Order
	s.Ask(http.MethodPost, "/devices/"+id+"/isolate", map[string]any{"reason": reason}, &o)
	return o
}

// Release orders that a PC be let back.
func (s *Server) Release(id, reason string) Order {
	s.t.Helper()
	var o Order
	s.Ask(http.MethodPost, "/devices/"+id+"/release", map[string]any{"reason": reason}, &o)
	return o
}

// ReleaseCode gives the code that answers a challenge.
func (s *Server) ReleaseCode(ctx context.Context, id, challenge, reason string) (string, error) {
	var out struct{ Code string }
	err := s.Call(ctx, http.MethodPost, "/devices/"+id+"/release-code", map[string]any{"challenge": challenge, "reason": reason}, &out)
	return out.Code, err
}

// Case gives a case by its id or number.
func (s *Server) Case(label string) Case {
	s.t.Helper()
	var c Case
	s.Ask(http.MethodGet, "/incidents/"+label, nil, &c)
	return c
}

// Events gives what the record holds of a thing, newest first; only kinds that begin with kind.
func (s *Server) Events(kind, subject string) []Event {
	s.t.Helper()
	var out struct{ Items []Event }
	q := url.Values{"kind": {kind}, "subject": {subject}, "limit": {"200"}}
	s.Ask(http.MethodGet, "/journal/entries?"+q.Encode(), nil, &out)
	return out.Items
}

// Await waits until a PC is on the server as it should be, and gives it.
func (s *Server) Await(id, what string, so func(Device) bool) Device {
	s.t.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(25 * time.Millisecond) {
		d := s.Device(id)
		if so(d) {
			return d
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: the server still has %+v\n%s", what, d, s.Log())
		}
	}
}

// Proven reports that a PC's isolation is in force and proven.
func Proven(d Device) bool {
	o := d.Isolation.Order
	return o != nil && o.Kind == "isolate" && !o.Proven.IsZero() && d.Isolation.State == "proven"
}

// Released reports that the PC has obeyed a release.
func Released(d Device) bool {
	o := d.Isolation.Order
	return o != nil && o.Kind == "release" && !o.Applied.IsZero() && d.Isolation.State == "off"
}
