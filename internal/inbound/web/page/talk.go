package page

import (
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
)

// Talk is the part "talk": what both sides of a case wrote to each other.
type Talk struct {
	Lead   string // whom the words are for
	Live   string // the page's address, when it follows changes
	Words  []Said
	Unread int
	May    bool   // the reader may write
	Action string // where the form goes
	Field  Field
}

// Said is one message.
type Said struct {
	Who, At, Iso, Text string
	Mine               bool // of the reader's own side
	Fresh              bool // the reader had not seen it
	Seen               bool // the other side has
}

// TalkOf lists the talk of a case as its reader sees it. o is nil where no name of ours is
// told.
func (r *Request) TalkOf(c *incident.Case, o *directory.Org, lead, action string) Talk {
	t := Talk{Lead: r.P.T(lead), Unread: c.Unread, Action: action,
		Field: Field{ID: "say", Name: "say", Type: "textarea", Rows: 3, MaxLen: incident.MaxText, Label: r.P.T("talk.words")}}
	mine := c.Owns(r.By) || o == nil
	var last []int // the other side's, oldest first
	for _, e := range c.Entries {
		if e.Type != incident.Message {
			continue
		}
		s := Said{At: r.P.DateTime(e.At), Iso: e.At.UTC().Format(time.RFC3339), Text: e.Text, Mine: c.FromFinder(e) == mine, Who: r.sayer(e, o)}
		if s.Text == "" {
			s.Text = r.P.T("cases.erased")
		}
		if s.Mine {
			s.Seen = !c.Heard.Before(e.At)
		} else {
			last = append(last, len(t.Words))
		}
		t.Words = append(t.Words, s)
	}
	for _, n := range last[len(last)-min(len(last), c.Unread):] {
		t.Words[n].Fresh = true
	}
	return t
}

func (r *Request) sayer(e incident.Entry, o *directory.Org) string {
	switch {
	case o != nil:
		return r.Named(o, e.By)
	case e.By == access.Nobody:
		return r.P.T("talk.you")
	}
	return r.P.T("outside.from_us")
}

// Navigates reports whether a person opened the page, rather than the page fetching itself
// anew behind their back.
func (r *Request) Navigates() bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return r.Method == http.MethodGet && (mode == "" || mode == "navigate")
}
