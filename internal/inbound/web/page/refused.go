package page

import (
	"slices"
	"strconv"
	"strings"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
)

// FieldErrors gives what must be mended on a form, translated and keyed by field. ok
// is false when the error is of another sort and the handler should return it.
func FieldErrors(p i18n.Printer, err error) (fields map[string]string, ok bool) {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid {
		return nil, false
	}
	whole, fields := p.Error(err)
	if len(fields) == 0 {
		fields = map[string]string{"": whole}
	}
	return fields, true
}

// Refused is a form's refusal: the status to answer with, the sentences for the
// summary, and the sentence of each field.
type Refused struct {
	Status  int
	Fields  map[string]string
	Summary []FieldError
}

// Refused turns a fault into what the same form shows again with the typed values
// kept. order names the form's fields from top to bottom; a field that the form does
// not have is listed without a place to lead to. ok is false for what is no person's
// mistake (not found, denied, our own failure): return that error instead.
func (r *Request) Refused(err error, order ...string) (out Refused, ok bool) {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Denied || f.Kind == fault.NotFound {
		return Refused{}, false
	}
	whole, fields := r.P.Error(err)
	out = Refused{Status: f.Kind.Status(), Fields: fields}
	for _, name := range order {
		if text, bad := fields[name]; bad {
			out.Summary = append(out.Summary, FieldError{ID: name, Text: r.named(name, text), Field: name})
		}
	}
	for _, x := range f.Fields {
		if !slices.Contains(order, x.Name) {
			out.Summary = append(out.Summary, FieldError{Text: r.named(x.Name, fields[x.Name]), Field: x.Name})
		}
	}
	if len(out.Summary) == 0 {
		out.Summary = []FieldError{{Text: whole}}
	}
	return out, true
}

// named puts the field's own name before its sentence, where it has one: in the summary
// the sentence stands away from its field. A numbered field is named by its row's name.
func (r *Request) named(field, text string) string {
	base, _, _ := strings.Cut(field, ".")
	if !r.P.Has("field." + base) {
		return text
	}
	return r.P.T("page.field_error", "field", r.P.T("field."+base), "error", text)
}

// Join gathers the faults of several fields into one; the first error that is no
// fault with fields wins alone.
func Join(errs ...error) error {
	var all *fault.Error
	for _, err := range errs {
		if err == nil {
			continue
		}
		f := fault.As(err)
		if f == nil || f.Kind != fault.Invalid {
			return err
		}
		if all == nil {
			all = &fault.Error{Kind: fault.Invalid, ID: f.ID, Args: f.Args}
		}
		all.Fields = append(all.Fields, f.Fields...)
	}
	if all == nil {
		return nil
	}
	return all
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
