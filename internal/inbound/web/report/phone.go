package report

import (
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

// phone is one person to talk to now.
type phone struct {
	Role, Name, Number, Note string
	First                    bool // the one to try first
}

// call asks for the numbers of the receivers of a person's report.
type call struct {
	For       string // whose report
	Receivers []notice.Receiver
	LeftOut   []string
}

// phones finds who can be phoned for each receiver: the one who holds the office, or
// who stands in while they are away. Nobody is told to phone themselves, and nobody
// who is to be left out is named.
func phones(r *page.Request, o *directory.Org, c call) []phone {
	now := r.Kit.Now()
	except := append([]string{c.For, r.By.Person}, c.LeftOut...)
	var out []phone
	seen := map[string]bool{}
	for _, receiver := range c.Receivers {
		for _, holder := range holders(o, receiver, c.For, now) {
			who := o.StandIn(holder, now, except)
			if who == "" || seen[who] {
				continue
			}
			seen[who] = true
			out = append(out, line(r, o, receiver, holder, who, now))
			break
		}
	}
	for i := range out {
		out[i].First = i == 0
	}
	return out
}

// holders lists who holds the office, the one to ask first in front.
func holders(o *directory.Org, receiver notice.Receiver, person string, now time.Time) []string {
	switch receiver {
	case notice.Manager:
		return o.Holders(access.ProtectionManager, now)
	case notice.ITAdmin:
		return o.Holders(access.ITAdmin, now)
	}
	return o.Above(person)
}

func line(r *page.Request, o *directory.Org, receiver notice.Receiver, holder, who string, now time.Time) phone {
	p := phone{Role: r.P.T("receiver." + string(receiver)), Name: o.NameOf(who), Number: o.People[who].Phone}
	if who != holder {
		p.Note = r.P.T("report.stands_in", "name", o.NameOf(holder))
		if until, away := o.Away(holder, now); away {
			p.Note = r.P.T("report.stands_in_until", "name", o.NameOf(holder), "until", r.P.DateTime(until))
		}
		return p
	}
	deputies := o.DeputiesOf(holder, now)
	deputies = slices.DeleteFunc(deputies, func(d string) bool { return o.StandIn(d, now, nil) != d })
	if len(deputies) > 0 {
		p.Note = r.P.T("report.deputy", "name", o.NameOf(deputies[0]))
	}
	return p
}
