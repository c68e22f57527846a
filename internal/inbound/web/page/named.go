package page

import (
	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

// Named is a person's name; whoever acted without an account is called what they are.
func (r *Request) Named(o *directory.Org, person string) string {
	switch person {
	case access.Nobody:
		return r.P.T("outside.nobody")
	case access.Unnamed:
		return r.P.T("near.nobody")
	case access.System().Person:
		return r.P.T("cases.by_system")
	}
	return o.NameOf(person)
}
