package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
)

// SignatureHeader carries the proof that a message to a webhook is ours.
const SignatureHeader = "X-Sekimori-Signature"

// Sign gives the header's value: the time in Unix seconds, and the HMAC-SHA256 in hex of
// the time, a full stop and the body, under the contact's key.
func Sign(key string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(h, "%d.", at.Unix())
	h.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(h.Sum(nil)))
}

// message is what a program receives as it is, and what the rooms' shapes are made of.
type message struct {
	ID      string    `json:"id"`   // the same when the message is sent again
	Type    string    `json:"type"` // "notice", "ask" (whether the answerer is still on it) or "code"; see Alarm for two more
	Number  string    `json:"number,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	Urgency string    `json:"urgency,omitempty"`
	Level   int       `json:"level,omitempty"`
	Attempt int       `json:"attempt,omitempty"`
	Code    string    `json:"code,omitempty"`
	Words   string    `json:"words,omitempty"`
	Drill   bool      `json:"drill,omitempty"` // the case is made up to see how long the answers take
	URL     string    `json:"url"`
	At      time.Time `json:"at"`

	title, text, press string // for people
}

// body writes the message as the channel takes it.
func (m message) body(channel directory.Channel) ([]byte, error) {
	type obj = map[string]any
	switch channel {
	case directory.Slack:
		escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
		return json.Marshal(obj{"text": "*" + escape(m.title) + "*\n" + escape(m.text) + "\n" + escape(m.URL)})
	case directory.Teams:
		line := func(text string, more obj) obj {
			b := obj{"type": "TextBlock", "text": text, "wrap": true}
			for k, v := range more {
				b[k] = v
			}
			return b
		}
		card := obj{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
			"body":    []obj{line(m.title, obj{"weight": "Bolder"}), line(m.text, nil)},
			"actions": []obj{{"type": "Action.OpenUrl", "title": m.press, "url": m.URL}}}
		return json.Marshal(obj{"type": "message", "attachments": []obj{{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}})
	case directory.LineWorks:
		return json.Marshal(obj{"title": m.title, "body": obj{"text": m.text}, "button": obj{"label": m.press, "url": m.URL}})
	}
	return json.Marshal(m)
}
