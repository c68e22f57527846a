package report

import (
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// CallFact is one line about the call by which a report was told.
type CallFact struct {
	Name, Value string
	Unknown     bool
}

// CallFacts says when the call began, when its report was stored, how long that took, and
// who took the call; nothing of a report that came otherwise.
func CallFacts(r *page.Request, o *directory.Org, i *incident.Incident) []CallFact {
	if i.Channel != incident.ByPhone {
		return nil
	}
	out := CallTimes(r, i)
	if i.Reporter != "" {
		out = append(out, CallFact{Name: r.P.T("calls.taken_by"), Value: o.NameOf(i.Reporter)})
	}
	return out
}

// CallTimes is CallFacts without a name.
func CallTimes(r *page.Request, i *incident.Incident) []CallFact {
	if i.Channel != incident.ByPhone {
		return nil
	}
	began := CallFact{Name: r.P.T("calls.began"), Value: r.P.T("word.unknown"), Unknown: true}
	stored := CallFact{Name: r.P.T("calls.stored"), Value: seconds(r, i.Reported)}
	if !i.Began.Known {
		return []CallFact{began, stored}
	}
	began.Value, began.Unknown = seconds(r, i.Began.At), false
	whole := int(i.Took() / time.Second)
	took := CallFact{Name: r.P.T("calls.took"), Value: r.P.T("calls.length", "minutes", whole/60, "seconds", whole%60)}
	return []CallFact{began, stored, took}
}

// seconds is a time to the second: what was measured is not rounded.
func seconds(r *page.Request, t time.Time) string {
	return page.Line(r.P.Date(t), t.In(r.Kit.Zone).Format("15:04:05"))
}
