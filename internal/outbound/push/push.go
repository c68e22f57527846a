// Package push sends notices to browsers through the push services of their makers
// (RFC 8030), encrypted for the one browser (RFC 8291) and signed as from this server
// (RFC 8292).
//
// A message says which link it leads to and nothing else. What stands on the locked screen
// the browser takes from its own file, so that the push service learns no word of it.
package push

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/SherClockHolmes/webpush-go"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// life is how long a push service keeps a message for a browser that is away.
const life = 24 * time.Hour

// Keys are the server's own pair, in base64url (RFC 8292).
type Keys struct {
	Public  string // 65 bytes, an uncompressed point of P-256
	Private string // 32 bytes
}

// NewKeys makes a pair.
func NewKeys() (Keys, error) {
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		return Keys{}, fmt.Errorf("make push keys: %w", err)
	}
	return Keys{Public: public, Private: private}, nil
}

// Sender sends notices and codes to browsers. All fields must be set.
type Sender struct {
	Client  webpush.HTTPClient // guards where a subscription may lead
	Judge   func(*http.Response, error) (answer string, err error)
	People  func(ctx context.Context) (*directory.Org, error)
	Cases   func(ctx context.Context, id string) (*incident.Incident, error)
	Targets func(directory.Contact) (directory.Target, error) // opens what leads to a contact
	Links   notice.Links
	Keys    Keys
	Contact string // of the operator, for the push service: a mail address or an https URL
}

var _ notice.Sender = Sender{}

// payload is all that a browser is told: where to go when it is pressed.
type payload struct {
	To   string `json:"to"`   // path on this server
	Lang string `json:"lang"` // of the words that the browser shows
	// Drill: the words say that it is one.
	Drill bool `json:"drill,omitempty"`
}

// Send sends a notice to the browser that it is addressed to.
func (s Sender) Send(ctx context.Context, a notice.Attempt, t notice.Track) (string, error) {
	org, err := s.People(ctx)
	if err != nil {
		return "", fmt.Errorf("load directory: %w", err)
	}
	i, err := s.Cases(ctx, a.Incident)
	if err != nil {
		return "", fmt.Errorf("load case %s: %w", a.Incident, err)
	}
	c, err := a.To(org, t.LeftOut, i.LeftOut)
	if err != nil {
		return "", err
	}
	how := webpush.UrgencyNormal
	if t.Urgency == notice.Urgent {
		how = webpush.UrgencyHigh
	}
	return s.send(ctx, c, payload{"/a/" + s.Links.Token(a.ID), org.People[a.Person].Lang, i.Drill}, how, t.ID)
}

// PostCode sends the code that proves a contact: pressing the message opens the page with
// the code filled in.
func (s Sender) PostCode(ctx context.Context, c directory.Contact, person directory.Person, code string) error {
	_, err := s.send(ctx, c, payload{To: "/account/contacts/" + c.ID + "?code=" + code, Lang: person.Lang}, webpush.UrgencyHigh, c.ID)
	return err
}

// send encrypts and posts one message. A newer one of a topic takes the place of the one
// before that the browser has not fetched yet.
func (s Sender) send(ctx context.Context, c directory.Contact, p payload, how webpush.Urgency, topic string) (string, error) {
	target, err := s.Targets(c)
	if err != nil { // the key that sealed it is gone
		return "", &notice.Rejection{Answer: "cannot be opened: enter it again", Gone: true}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	to := &webpush.Subscription{Endpoint: target.URL, Keys: webpush.Keys{P256dh: target.P256dh, Auth: target.Auth}}
	res, err := webpush.SendNotificationWithContext(ctx, body, to, &webpush.Options{
		HTTPClient: s.Client, Subscriber: s.Contact, TTL: int(life.Seconds()), Urgency: how, Topic: strings.ReplaceAll(topic, "_", "-"),
		VAPIDPublicKey: s.Keys.Public, VAPIDPrivateKey: s.Keys.Private,
	})
	return s.Judge(res, err)
}
