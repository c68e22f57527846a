package devices

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/wire"
)

// fact is one thing that a PC tells of itself, or why it could not be read.
type fact struct {
	Name, When string
	Lines      []pair
	Unread     string
}

// pair is one part of a fact's value.
type pair struct{ Name, Text string }

func facts(r *page.Request, fs []device.Fact) []fact {
	var out []fact
	for _, f := range fs {
		x := fact{Name: factName(r, f.Name), When: Moment(r, f.Heard)}
		if f.Unread != "" {
			x.Unread = r.P.T("devices.unread", "why", f.Unread)
		} else {
			x.Lines = pairs(r, inOneForm(f))
		}
		out = append(out, x)
	}
	return out
}

// inOneForm is a fact's value; of an isolation in the form of now, because one that was
// kept from an older agent called a dry run "applied".
func inOneForm(f device.Fact) json.RawMessage {
	var i wire.IsolationFact
	if f.Name != wire.FactIsolation || json.Unmarshal(f.Value, &i) != nil {
		return f.Value
	}
	raw, err := json.Marshal(i.InOneForm())
	if err != nil {
		return f.Value
	}
	return raw
}

// factName is a fact in words; one that we have none for keeps its own name.
func factName(r *page.Request, name string) string {
	if id := "devices.fact." + name; r.P.Has(id) {
		return r.P.T(id)
	}
	return name
}

// pairs lays a value out as names and texts. What a PC tells may be of any shape: what
// is nested deeper is shown as it came.
func pairs(r *page.Request, raw json.RawMessage) []pair {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return []pair{{Text: plain(r, "", raw)}}
	}
	var out []pair
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if text := plain(r, name, fields[name]); text != "" {
			title := name
			if id := "devices.part." + name; r.P.Has(id) {
				title = r.P.T(id)
			}
			out = append(out, pair{title, text})
		}
	}
	return out
}

// maxPlain bounds what one line of a fact shows, in characters.
const maxPlain = 600

func plain(r *page.Request, name string, raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return r.P.T("word.yes")
		}
		return r.P.T("word.no")
	case string:
		if id := "devices.word." + name + "." + v; name != "" && r.P.Has(id) {
			return r.P.T(id)
		}
		return page.Short(v, maxPlain)
	case float64:
		if name == "applied" || name == "proven" || name == "since" || name == "at" {
			return Moment(r, wire.Micros(v).Time())
		}
		return page.Short(string(raw), maxPlain)
	case []any:
		var texts []string
		for _, x := range v {
			texts = append(texts, fmt.Sprint(x))
		}
		return page.Short(strings.Join(texts, " / "), maxPlain)
	}
	return page.Short(string(raw), maxPlain)
}
