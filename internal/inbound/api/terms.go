package api

import (
	"context"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// policyLapse is how long an answer of one urgency stands.
type policyLapse struct {
	Ask    int `json:"ask" doc:"Minutes until the answerer is asked whether they are still on it; 0: never."`
	Answer int `json:"answer" doc:"Minutes that they then have before the answer is undone."`
}

// policyHours are the working hours of working days.
type policyHours struct {
	From string `json:"from,omitempty" doc:"HH:MM in the company's time zone."`
	To   string `json:"to,omitempty" doc:"HH:MM, up to 24:00."`
}

type termsIn struct {
	Body struct {
		Version int                            `json:"version" doc:"The version that this changes, as GET /policy gave it."`
		Lapse   map[notice.Urgency]policyLapse `json:"lapse"`
		Hours   policyHours                    `json:"hours"`
		Reason  string                         `json:"reason"`
		Adopt   bool                           `json:"adopt,omitempty" doc:"Apply to open cases too."`
	}
}

// dayOff is one of the company's own days off.
type dayOff struct {
	Day  string    `json:"day" doc:"YYYY-MM-DD"`
	Name string    `json:"name"`
	By   string    `json:"by,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

type daysOut struct {
	Body struct {
		Items []dayOff `json:"items"`
	}
}

type dayIn struct {
	Day  string `path:"day" doc:"YYYY-MM-DD"`
	Body struct {
		Name string `json:"name"`
	}
}

type dayRef struct {
	Day string `path:"day" doc:"YYYY-MM-DD"`
}

type linkProof struct {
	On    bool `json:"on" doc:"The link of a notice answers only for who has shown that it is them."`
	Fixed bool `json:"fixed" doc:"By the server's configuration: it cannot be ended here."`
}

type linkProofOut struct{ Body linkProof }

type linkProofIn struct {
	Body struct {
		On bool `json:"on"`
	}
}

type hurryIn struct {
	Incident string `path:"incident" maxLength:"100"`
	Body     struct {
		Reason string `json:"reason,omitempty"`
	}
}

type hurryOut struct {
	Body struct {
		Woken int `json:"woken" doc:"How many tracks no longer wait for working hours."`
	}
}

func lapseOf(p notice.Policy) map[notice.Urgency]policyLapse {
	out := map[notice.Urgency]policyLapse{}
	for u, l := range p.Lapse {
		out[u] = policyLapse{l.Ask, l.Answer}
	}
	return out
}

func (s *server) termRoutes() {
	add(s, op(http.MethodPut, "/policy/terms", "set-policy-terms", "settings", "Save anew how long an answer stands and the working hours, as a new version"), s.setTerms)
	add(s, op(http.MethodGet, "/days-off", "list-days-off", "settings", "The company's own days off"), s.daysOff)
	add(s, op(http.MethodPut, "/days-off/{day}", "set-day-off", "settings", "Add one of the company's own days off, or name it anew"),
		func(ctx context.Context, by access.Actor, in *dayIn) (*none, error) {
			day, _ := jpcal.ParseDate(in.Day) // no day is refused by the service
			return nil, s.Notices.SetDayOff(ctx, by, notice.DayOff{Day: day, Name: in.Body.Name})
		})
	add(s, op(http.MethodDelete, "/days-off/{day}", "drop-day-off", "settings", "Make a day one of work again"),
		func(ctx context.Context, by access.Actor, in *dayRef) (*none, error) {
			day, _ := jpcal.ParseDate(in.Day)
			return nil, s.Notices.DropDayOff(ctx, by, day)
		})
	add(s, op(http.MethodGet, "/link-proof", "get-link-proof", "settings", "Whether the link of a notice answers by itself"),
		func(ctx context.Context, by access.Actor, _ *none) (*linkProofOut, error) {
			p, err := s.Notices.LinkProof(ctx, by)
			return &linkProofOut{linkProof{p.On, p.Fixed}}, err
		})
	add(s, op(http.MethodPut, "/link-proof", "set-link-proof", "settings", "Decide whether the link of a notice answers by itself"),
		func(ctx context.Context, by access.Actor, in *linkProofIn) (*none, error) {
			return nil, s.Notices.SetLinkProof(ctx, by, in.Body.On)
		})
	add(s, op(http.MethodPost, "/incidents/{incident}/tell-now", "tell-now", "cases", "Tell now whom a report would reach only with the next working hours"),
		func(ctx context.Context, by access.Actor, in *hurryIn) (*hurryOut, error) {
			n, err := s.Incidents.TellNow(ctx, by, in.Incident, in.Body.Reason)
			out := &hurryOut{}
			out.Body.Woken = n
			return out, err
		})
}

func (s *server) setTerms(ctx context.Context, by access.Actor, in *termsIn) (*policyOut, error) {
	if err := by.May(access.EditPolicy); err != nil {
		return nil, err
	}
	p, err := s.Notices.Policy(ctx, by)
	if err != nil {
		return nil, err
	}
	if p.Version != in.Body.Version {
		return nil, fault.Clash("fault.policy_changed", nil)
	}
	p.Reason, p.Hours, p.Lapse = in.Body.Reason, notice.Hours{From: in.Body.Hours.From, To: in.Body.Hours.To}, map[notice.Urgency]notice.Lapse{}
	for u, l := range in.Body.Lapse {
		p.Lapse[u] = notice.Lapse{Ask: l.Ask, Answer: l.Answer}
	}
	if _, err := s.Notices.SetPolicy(ctx, by, p, in.Body.Adopt); err != nil {
		return nil, err
	}
	return s.policy(ctx, by, nil)
}

func (s *server) daysOff(ctx context.Context, by access.Actor, _ *none) (*daysOut, error) {
	days, err := s.Notices.DaysOff(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &daysOut{}
	out.Body.Items = []dayOff{}
	for _, d := range days {
		out.Body.Items = append(out.Body.Items, dayOff{d.Day.String(), d.Name, d.By, d.At})
	}
	return out, nil
}
