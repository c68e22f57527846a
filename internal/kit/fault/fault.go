// Package fault is the one kind of error that a person is ever shown.
//
// A fault carries a message id and arguments, never a sentence: the edge (page,
// problem+json, command line) turns it into the person's language. Every other
// error is wrapped with %w, logged once and shown to nobody.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of refusal a fault is; each edge maps it to its own status.
type Kind int

// The kinds, with the HTTP status that the web edges give them.
const (
	Invalid         Kind = iota + 1 // 422: the input must be mended
	Unauthenticated                 // 401: sign in first
	Denied                          // 403: signed in, but not allowed
	NotFound                        // 404
	Conflict                        // 409: the state does not allow it
	TooLarge                        // 413
	TooMany                         // 429: slow down
	Unavailable                     // 503: try again later
)

// Status is the HTTP status (RFC 9110, RFC 6585) that the edges give the kind.
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return 422
	case Unauthenticated:
		return 401
	case Denied:
		return 403
	case NotFound:
		return 404
	case Conflict:
		return 409
	case TooLarge:
		return 413
	case TooMany:
		return 429
	case Unavailable:
		return 503
	}
	return 500
}

// Args fill the {name} places of a message.
type Args map[string]string

// Field is one input that must be mended.
type Field struct {
	Name string // the input's wire name, such as "summary"
	ID   string // message id, such as "fault.required"
	Args Args
}

// Error is the user-facing error. Make it with the constructors of this package.
type Error struct {
	Kind   Kind
	ID     string // message id of the whole refusal
	Args   Args
	Fields []Field
}

// Error describes the fault for a log; it is never shown to a person.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.ID)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %s:%s", f.Name, f.ID)
	}
	return b.String()
}

// New makes a fault of a kind with message id and arguments.
func New(k Kind, id string, args Args) *Error { return &Error{Kind: k, ID: id, Args: args} }

// Deny refuses an actor who lacks the named permission.
func Deny(permission string) *Error {
	return New(Denied, "fault.denied", Args{"permission": permission})
}

// Missing says that the named thing does not exist, or must look as if it did not.
func Missing(what string) *Error { return New(NotFound, "fault.not_found", Args{"what": what}) }

// Clash says that the present state does not allow the act; id names the reason.
func Clash(id string, args Args) *Error { return New(Conflict, id, args) }

// Check gathers the fields that must be mended. Its zero value is ready.
type Check struct{ fields []Field }

// Add records that the field name must be mended for the reason id.
func (c *Check) Add(name, id string, args Args) {
	c.fields = append(c.fields, Field{Name: name, ID: id, Args: args})
}

// That records the field when ok is false.
func (c *Check) That(ok bool, name, id string, args Args) {
	if !ok {
		c.Add(name, id, args)
	}
}

// Err is nil when nothing was recorded, else one Invalid fault with every field.
func (c *Check) Err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, ID: "fault.invalid", Fields: c.fields}
}

// As finds a fault in err's chain; nil when there is none.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err is a fault of kind k.
func Is(err error, k Kind) bool {
	e := As(err)
	return e != nil && e.Kind == k
}
