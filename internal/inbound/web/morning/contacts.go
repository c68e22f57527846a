package morning

import (
	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
)

// contactCare is what of people's contacts wants care: the lines for who edits the
// directory, and whether one of the reader's own does.
type contactCare struct {
	Lines []string
	Own   bool
}

func careOf(r *page.Request, org *directory.Org) contactCare {
	now := r.Kit.Now()
	out := contactCare{Own: org.CareOf(r.By.Person, now).Any()}
	if r.By.May(access.EditDirectory) != nil {
		return out
	}
	silent, failed, stale, off := 0, 0, 0, 0
	for id, p := range org.People {
		if !p.Active(now) {
			continue
		}
		if !org.Reachable(id, now) {
			silent++
		}
		care := org.CareOf(id, now)
		failed, stale, off = failed+care.Failed, stale+care.Stale, off+care.Off
	}
	say := func(text string, n int) {
		if n > 0 {
			out.Lines = append(out.Lines, r.P.T(text, "n", n))
		}
	}
	say("contacts.morning_people", silent)
	say("contacts.morning_failed", failed)
	say("contacts.morning_stale", stale)
	say("contacts.morning_off", off)
	return out
}
