package directory_test

import (
	"testing"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
)

// TestChannelThatIsOff: a contact by which nothing goes out reaches nobody, however lately it
// was proven, and not even as a last resort.
func TestChannelThatIsOff(t *testing.T) {
	t.Parallel()
	now := directorytest.Noon()
	company := func(off ...directory.Channel) *directory.Org {
		o := directorytest.Company()
		p := o.People["per_sales"]
		p.Email = ""
		o.People["per_sales"] = p
		o.Contacts = map[string][]directory.Contact{"per_sales": {{ID: "con_1", Person: "per_sales", Channel: directory.Slack, Address: "hooks.example", Verified: now}}}
		o.Deputies = []directory.Deputy{{ID: "dep_1", Person: "per_sales", Deputy: "per_gen", From: now.AddDate(-1, 0, 0)}}
		o.Off = off
		return o
	}
	on, off := company(directory.Push), company(directory.Slack)
	for name, c := range map[string]struct {
		o     *directory.Org
		who   string
		reach bool
		care  directory.ContactCare
	}{"another is off": {on, "per_sales", true, directory.ContactCare{}}, "off": {off, "per_gen", false, directory.ContactCare{Off: 1}}} {
		if got := c.o.Reachable("per_sales", now); got != c.reach {
			t.Errorf("%s: reachable %v", name, got)
		}
		if got := c.o.Trusting().Reachable("per_sales", now); got != c.reach {
			t.Errorf("%s: reachable as a last resort %v", name, got)
		}
		if got := c.o.StandIn("per_sales", now, nil); got != c.who {
			t.Errorf("%s: %s stands in", name, got)
		}
		if got := c.o.CareOf("per_sales", now); got != c.care || got.Any() != !c.reach {
			t.Errorf("%s: care %+v", name, got)
		}
	}
}
