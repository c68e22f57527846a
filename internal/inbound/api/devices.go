package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/wire"
)

// Devices are the verbs of enrolled PCs that have an operation.
type Devices interface {
	List(ctx context.Context, by access.Actor, q device.Query) (device.Page, error)
	Get(ctx context.Context, by access.Actor, device string) (device.View, error)
	Isolate(ctx context.Context, by access.Actor, device string, a device.Ask) (device.Order, error)
	Release(ctx context.Context, by access.Actor, device, reason string) (device.Order, error)
	ReleaseCode(ctx context.Context, by access.Actor, device, challenge, reason string) (code string, err error)
	Refuse(ctx context.Context, by access.Actor, device, reason string) error
	UninstallTicket(ctx context.Context, by access.Actor, device, reason string) (ticket string, until time.Time, err error)
	CreateToken(ctx context.Context, by access.Actor, n device.NewToken) (secret string, t device.Token, err error)
	Tokens(ctx context.Context, by access.Actor) ([]device.Token, error)
	RevokeToken(ctx context.Context, by access.Actor, token string) error
}

// DeviceRef names an enrolled PC.
type DeviceRef struct {
	Device string `path:"device" maxLength:"100"`
}

// DeviceView is an enrolled PC. What it says of itself is a claim.
type DeviceView struct {
	ID         string        `json:"id"`
	Name       string        `json:"name" doc:"The PC's own name for itself."`
	Person     *PersonRef    `json:"person" doc:"Whom it is bound to."`
	System     string        `json:"system"`
	Agent      string        `json:"agent" doc:"Version."`
	Enrolled   time.Time     `json:"enrolled"`
	EnrolledBy *PersonRef    `json:"enrolled_by,omitempty"`
	Refused    time.Time     `json:"refused,omitzero"`
	RefusedBy  *PersonRef    `json:"refused_by,omitempty"`
	RefusedWhy string        `json:"refused_why,omitempty"`
	Online     bool          `json:"online"`
	Seen       time.Time     `json:"last_seen,omitzero"`
	Desired    int64         `json:"desired_version"`
	Applied    int64         `json:"applied_version"`
	DryRun     bool          `json:"dry_run" doc:"Only says what it would do."`
	Privileged bool          `json:"privileged" doc:"May change its firewall."`
	Isolation  isolationView `json:"isolation"`
	Facts      []factView    `json:"facts,omitempty" doc:"What it tells of itself, by name."`
	Orders     []orderView   `json:"orders,omitempty" doc:"Newest first."`
}

type isolationView struct {
	Wanted   bool       `json:"wanted"`
	Failing  bool       `json:"failing" doc:"It should be and is not, or was not proven in time."`
	State    string     `json:"state,omitempty" enum:"off,applied,proven,failing" doc:"What the PC said last."`
	Heard    time.Time  `json:"heard,omitzero"`
	Problems []string   `json:"problems,omitempty"`
	Steps    []string   `json:"steps,omitempty" doc:"What a dry run would do."`
	Order    *orderView `json:"order,omitempty" doc:"The newest."`
}

type orderView struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind" enum:"isolate,release"`
	By         *PersonRef `json:"by,omitempty" doc:"Absent when it was pressed at the PC."`
	Via        string     `json:"via" enum:"console,case,report,pc,code,api"`
	Reason     string     `json:"reason,omitempty"`
	Incident   string     `json:"incident,omitempty" doc:"Id of the case, when you may see it."`
	Wifi       bool       `json:"wifi,omitempty"`
	Requested  time.Time  `json:"requested"`
	Applied    time.Time  `json:"applied,omitzero" doc:"When the server heard so."`
	Proven     time.Time  `json:"proven,omitzero"`
	PCApplied  time.Time  `json:"pc_applied,omitzero" doc:"By the PC's clock: a claim."`
	PCProven   time.Time  `json:"pc_proven,omitzero"`
	Superseded bool       `json:"superseded,omitempty"`
	Version    int64      `json:"version"`
}

type factView struct {
	Name   string          `json:"name"`
	Value  json.RawMessage `json:"value,omitempty"`
	Unread string          `json:"unread,omitempty" doc:"Why it could not be read."`
	At     time.Time       `json:"at,omitzero" doc:"By the PC's clock: a claim."`
	Heard  time.Time       `json:"heard"`
}

type devicesIn struct {
	Text   string `query:"q" doc:"Part of the PC's name, its id or its person's name."`
	Person string `query:"person" doc:"Person id or employee number."`
	State  string `query:"state" enum:"isolated,failing,offline,refused"`
	After  string `query:"after" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type devicesOut struct {
	Body struct {
		Items []DeviceView `json:"items"`
		Next  string       `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type deviceOut struct{ Body DeviceView }

type orderOut struct{ Body orderView }

type isolateIn struct {
	DeviceRef
	Body struct {
		Reason   string `json:"reason,omitempty"`
		Incident string `json:"incident,omitempty" doc:"Case that it is for: number or id."`
		Wifi     bool   `json:"wifi,omitempty" doc:"Switch Wi-Fi off even when the server is reached through it."`
	}
}

type deviceReasonIn struct {
	DeviceRef
	Body struct {
		Reason string `json:"reason"`
	}
}

type codeIn struct {
	DeviceRef
	Body struct {
		Challenge string `json:"challenge" doc:"The 8 digits that the PC shows."`
		Reason    string `json:"reason"`
	}
}

type codeOut struct {
	Body struct {
		Code   string `json:"code,omitempty" doc:"10 digits. A repeated request with the same Idempotency-Key does not show them again."`
		Spoken string `json:"spoken,omitempty" doc:"The same, grouped for reading aloud."`
	}
}

type ticketOut struct {
	Body struct {
		Ticket string    `json:"ticket,omitempty" doc:"Signed text for sekimori-agent uninstall. A repeated request with the same Idempotency-Key does not show it again."`
		Until  time.Time `json:"until"`
	}
}

type enrolIn struct {
	Body struct {
		Person  string `json:"person" doc:"Whose PC: id or employee number."`
		Minutes int    `json:"minutes,omitempty" doc:"Life of the token; 60 when absent, at most 10080."`
		Note    string `json:"note,omitempty"`
	}
}

// EnrolTokenView is an enrolment token without its secret.
type EnrolTokenView struct {
	ID        string     `json:"id"`
	Person    *PersonRef `json:"person"`
	Note      string     `json:"note,omitempty"`
	CreatedBy *PersonRef `json:"created_by,omitempty"`
	Created   time.Time  `json:"created"`
	Expires   time.Time  `json:"expires"`
	Used      time.Time  `json:"used,omitzero"`
	Device    string     `json:"device,omitempty" doc:"That used it."`
	Revoked   time.Time  `json:"revoked,omitzero"`
}

type enrolOut struct {
	Body struct {
		EnrolTokenView
		Secret string `json:"secret,omitempty" doc:"Shown this once. A repeated request with the same key does not show it again."`
	}
}

type enrolsOut struct {
	Body struct {
		Items []EnrolTokenView `json:"items"`
		Next  string           `json:"next"`
	}
}

// EnrolTokenRef names an enrolment token.
type EnrolTokenRef struct {
	Token string `path:"token" maxLength:"100"`
}

func (s *server) deviceRoutes() {
	if s.Devices == nil {
		return
	}
	const at, tag = "/devices/{device}", "devices"
	add(s, op(http.MethodGet, "/devices", "list-devices", tag, "List the enrolled PCs, newest enrolment first"), s.listDevices)
	add(s, op(http.MethodGet, at, "get-device", tag, "One PC with what it tells and what was ordered"), s.getDevice)
	isolate := op(http.MethodPost, at+"/isolate", "isolate-device", tag, "Order that a PC be cut off the network")
	isolate.Description = "The answer comes when the order is on disk and signed; applied and proven follow when the PC says so. Ordering what is in force gives the order in force."
	add(s, isolate, s.isolateDevice)
	add(s, op(http.MethodPost, at+"/release", "release-device", tag, "Order that a PC be let back, for a reason"),
		func(ctx context.Context, by access.Actor, in *deviceReasonIn) (*orderOut, error) {
			o, err := s.Devices.Release(ctx, by, in.Device, in.Body.Reason)
			return s.ordered(ctx, o, err)
		})
	add(s, op(http.MethodPost, at+"/release-code", "release-code", tag, "The code that releases a PC which cannot reach the server"), s.releaseCode)
	add(s, op(http.MethodPost, at+"/refuse", "refuse-device", tag, "Refuse a PC's key for good"),
		func(ctx context.Context, by access.Actor, in *deviceReasonIn) (*none, error) {
			return nil, s.Devices.Refuse(ctx, by, in.Device, in.Body.Reason)
		})
	add(s, op(http.MethodPost, at+"/uninstall-ticket", "uninstall-ticket", tag, "Permission to take the agent off a PC"), s.uninstallTicket)
	create := op(http.MethodPost, "/devices/tokens", "create-enrolment-token", tag, "Make a token that enrols one PC for a person")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.createEnrolment)
	add(s, op(http.MethodGet, "/devices/tokens", "list-enrolment-tokens", tag, "List enrolment tokens, newest first"), s.listEnrolments)
	add(s, op(http.MethodDelete, "/devices/tokens/{token}", "revoke-enrolment-token", tag, "End an enrolment token at once"),
		func(ctx context.Context, by access.Actor, in *EnrolTokenRef) (*none, error) {
			return nil, s.Devices.RevokeToken(ctx, by, in.Token)
		})
}

func (s *server) listDevices(ctx context.Context, by access.Actor, in *devicesIn) (*devicesOut, error) {
	person, err := s.person(ctx, in.Person)
	if err != nil {
		return nil, err
	}
	if in.After != "" && !wire.ValidDeviceID(in.After) {
		return nil, badCursor()
	}
	page, err := s.Devices.List(ctx, by, device.Query{Text: in.Text, Person: person, State: in.State, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &devicesOut{}
	out.Body.Items, out.Body.Next = make([]DeviceView, 0, len(page.Rows)), page.Next
	for _, v := range page.Rows {
		out.Body.Items = append(out.Body.Items, s.deviceOf(o, v))
	}
	return out, nil
}

func (s *server) getDevice(ctx context.Context, by access.Actor, in *DeviceRef) (*deviceOut, error) {
	v, err := s.Devices.Get(ctx, by, in.Device)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &deviceOut{Body: s.deviceOf(o, v)}, nil
}

func (s *server) isolateDevice(ctx context.Context, by access.Actor, in *isolateIn) (*orderOut, error) {
	a := device.Ask{Reason: in.Body.Reason, Wifi: in.Body.Wifi, Via: device.ViaAPI}
	if in.Body.Incident != "" {
		c, err := s.Incidents.Case(ctx, by, in.Body.Incident)
		if err != nil {
			return nil, err
		}
		a.Incident = c.ID
	}
	o, err := s.Devices.Isolate(ctx, by, in.Device, a)
	return s.ordered(ctx, o, err)
}

// ordered answers with an order.
func (s *server) ordered(ctx context.Context, o device.Order, err error) (*orderOut, error) {
	if err != nil {
		return nil, err
	}
	org, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return &orderOut{Body: orderOf(org, o)}, nil
}

func (s *server) releaseCode(ctx context.Context, by access.Actor, in *codeIn) (*codeOut, error) {
	callOf(ctx).redact = without("code", "spoken")
	code, err := s.Devices.ReleaseCode(ctx, by, in.Device, in.Body.Challenge, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	out := &codeOut{}
	out.Body.Code, out.Body.Spoken = code, wire.Spoken(code)
	return out, nil
}

func (s *server) uninstallTicket(ctx context.Context, by access.Actor, in *deviceReasonIn) (*ticketOut, error) {
	callOf(ctx).redact = without("ticket")
	out := &ticketOut{}
	var err error
	if out.Body.Ticket, out.Body.Until, err = s.Devices.UninstallTicket(ctx, by, in.Device, in.Body.Reason); err != nil {
		return nil, err
	}
	return out, nil
}

func (s *server) createEnrolment(ctx context.Context, by access.Actor, in *enrolIn) (*enrolOut, error) {
	n := device.NewToken{Life: time.Duration(in.Body.Minutes) * time.Minute, Note: in.Body.Note}
	var err error
	if n.Person, err = s.person(ctx, in.Body.Person); err != nil {
		return nil, err
	}
	callOf(ctx).redact = without("secret")
	secret, t, err := s.Devices.CreateToken(ctx, by, n)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &enrolOut{}
	out.Body.EnrolTokenView, out.Body.Secret = enrolmentOf(o, t), secret
	return out, nil
}

func (s *server) listEnrolments(ctx context.Context, by access.Actor, _ *none) (*enrolsOut, error) {
	ts, err := s.Devices.Tokens(ctx, by)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &enrolsOut{}
	out.Body.Items = []EnrolTokenView{}
	for _, t := range ts {
		out.Body.Items = append(out.Body.Items, enrolmentOf(o, t))
	}
	return out, nil
}

func enrolmentOf(o *directory.Org, t device.Token) EnrolTokenView {
	return EnrolTokenView{ID: t.ID, Person: refOf(o, t.Person), Note: t.Note, CreatedBy: refOf(o, t.By), Created: t.Created, Expires: t.Expires,
		Used: t.Used, Device: t.Device, Revoked: t.Revoked}
}

func (s *server) deviceOf(o *directory.Org, v device.View) DeviceView {
	i := v.Isolation
	out := DeviceView{ID: v.ID, Name: v.Name, Person: refOf(o, v.Person), System: v.System, Agent: v.Agent, Enrolled: v.EnrolledAt, EnrolledBy: refOf(o, v.EnrolledBy),
		Refused: v.RefusedAt, RefusedBy: refOf(o, v.RefusedBy), RefusedWhy: v.RefusedWhy, Online: v.Online, Seen: v.Seen, Desired: v.Desired, Applied: v.Applied,
		DryRun: v.DryRun, Privileged: v.Privileged,
		Isolation: isolationView{Wanted: i.Wanted, Failing: v.Failing(s.Now()), State: string(i.Fact.InOneForm().State), Heard: i.FactAt, Problems: i.Fact.Problems, Steps: i.Fact.Steps}}
	if i.Order.ID != "" {
		newest := orderOf(o, i.Order)
		out.Isolation.Order = &newest
	}
	for _, f := range v.Facts {
		out.Facts = append(out.Facts, factView{Name: f.Name, Value: f.Value, Unread: f.Unread, At: f.At, Heard: f.Heard})
	}
	for _, x := range v.Orders {
		out.Orders = append(out.Orders, orderOf(o, x))
	}
	return out
}

func orderOf(org *directory.Org, o device.Order) orderView {
	v := orderView{ID: o.ID, Kind: string(o.Kind), Via: o.Via, Reason: o.Reason, Incident: o.Incident, Wifi: o.Wifi, Requested: o.Requested,
		Applied: o.Applied, Proven: o.Proven, PCApplied: o.PCApplied, PCProven: o.PCProven, Superseded: o.Superseded, Version: o.Version}
	if o.By != o.Device {
		v.By = refOf(org, o.By)
	}
	return v
}
