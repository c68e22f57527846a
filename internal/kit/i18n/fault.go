package i18n

import (
	"strconv"
	"time"

	"sekimori/internal/kit/fault"
)

// Error writes an error for a person: one text for the whole and one for each field
// that must be mended, keyed by the field's wire name. An error that is no fault says
// only that something went wrong here; what it was is for the log. nil writes nothing.
//
// A fault does not know the reader's language, so some arguments are raw and written
// here: "wait" is a Go duration or whole seconds; "max" and "min" are whole numbers, in
// bytes for fault.too_large; "at" and "until" are RFC 3339 times; "permission" is looked
// up as permission.<value> when the catalogue has that. Any other form passes as it is.
func (p Printer) Error(err error) (whole string, fields map[string]string) {
	if err == nil {
		return "", nil
	}
	f := fault.As(err)
	if f == nil {
		return p.T("fault.internal"), nil
	}
	for _, field := range f.Fields {
		if fields == nil {
			fields = make(map[string]string, len(f.Fields))
		}
		// The first thing wrong with a field is the one to mend first.
		if _, seen := fields[field.Name]; !seen {
			fields[field.Name] = p.TA(field.ID, p.faultArgs(field.ID, field.Args))
		}
	}
	return p.TA(f.ID, p.faultArgs(f.ID, f.Args)), fields
}

// faultArgs writes the raw arguments of a fault; the fault's own map is left alone.
func (p Printer) faultArgs(id string, args fault.Args) map[string]string {
	out := make(map[string]string, len(args))
	for name, value := range args {
		out[name] = p.faultArg(id, name, value)
	}
	return out
}

func (p Printer) faultArg(id, name, value string) string {
	switch name {
	case "wait":
		if d, err := time.ParseDuration(value); err == nil {
			return p.wait(d)
		}
		if s, err := strconv.ParseInt(value, 10, 32); err == nil {
			return p.wait(time.Duration(s) * time.Second)
		}
	case "max", "min":
		if n, err := strconv.Atoi(value); err == nil {
			if id == "fault.too_large" {
				return p.Bytes(int64(n))
			}
			return p.Count(n)
		}
	case "at", "until":
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			return p.DateTime(t)
		}
	case "permission":
		if p.Has("permission." + value) {
			return p.T("permission." + value)
		}
	}
	return value
}

// wait writes a length that must pass first. It rounds up, so that whoever waits as
// long as told is not refused again.
func (p Printer) wait(d time.Duration) string {
	if r := d % time.Minute; r > 0 {
		d += time.Minute - r
	}
	return p.Ago(max(d, time.Minute))
}
