package calls

import (
	"crypto/hmac"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// start writes when a call began so that nobody but this server can: microseconds since
// 1970, a point, and a seal over them and over who took the call.
func (d rooms) start(person string, at time.Time) string {
	micros := strconv.FormatInt(at.UnixMicro(), 10)
	return micros + "." + d.Seal("call", micros+"\n"+person)
}

// began reads a start. One that somebody else was given, that was made up or that is of
// another day is not known.
func (d rooms) began(r *page.Request, start string) incident.Moment {
	micros, _, _ := strings.Cut(start, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	at := time.UnixMicro(n).UTC()
	if err != nil || !hmac.Equal([]byte(start), []byte(d.start(r.By.Person, at))) || r.Kit.Now().Sub(at) > incident.MaxCall {
		return incident.Moment{}
	}
	return incident.Moment{At: at, Known: true}
}
