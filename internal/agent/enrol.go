package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// ErrEnrolled says that the PC is enrolled already.
var ErrEnrolled = errors.New("agent: this PC is enrolled already")

// ErrForeign says that what answered is not a Sekimori server, or answered for another PC.
var ErrForeign = errors.New("agent: not an answer to this PC's enrolment")

// Enrolment is what a PC is enrolled with.
type Enrolment struct {
	Dir     string // state folder
	Server  string // URL
	Token   string
	CA      string // PEM of the company's own authority; "" for the system's
	Host    string // the PC's own name
	Version string // of the agent
}

// Enrol makes this PC's key and binds it to the person of the token. The folder then
// holds all that Run needs.
func Enrol(ctx context.Context, e Enrolment) (*Identity, error) {
	server, err := CheckServer(e.Server)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(e.Dir); err != nil {
		return nil, err
	}
	lock, err := host.Lock(loadPath(e.Dir, fileLock))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if s := loadState(e.Dir); s.id != nil && s.id.Key != nil {
		return nil, ErrEnrolled
	}
	key, err := deviceKey(e.Dir)
	if err != nil {
		return nil, err
	}
	t, err := newTransport(e.CA, nil)
	if err != nil {
		return nil, err
	}
	defer t.CloseIdleConnections()
	ask := func() (*Identity, string, error) {
		return EnrolKey(ctx, &http.Client{Transport: t}, server, strings.TrimSpace(e.Token), key, e.Host, e.Version)
	}
	id, signed, err := ask()
	var refused *Refused
	if errors.As(err, &refused) && refused.Code == "fault.device_enrolled" {
		// The server knows the key, and its answer of that time is lost here: this is
		// another device now. A refused enrolment has not used up the token.
		if err := removeFile(loadPath(e.Dir, fileKey)); err != nil {
			return nil, err
		}
		if key, err = deviceKey(e.Dir); err != nil {
			return nil, err
		}
		id, signed, err = ask()
	}
	if err != nil {
		return nil, err
	}
	id.CA = e.CA
	s := loadState(e.Dir)
	s.id = id
	if err := s.beginAnew(); err != nil {
		return nil, err
	}
	// agent.json last: with it the enrolment is whole.
	if err := writeFile(s.path(fileDocument), []byte(signed), 0o644); err != nil {
		return nil, err
	}
	return id, s.saveIdentity()
}

// beginAnew forgets the versions of the device that this PC was before. What cut the
// network then counts as a press of now, which only the new device's server, or a code of
// its secret, can end.
func (s *state) beginAnew() error {
	was := s.mark
	if s.memory.Newest == 0 && (was == nil || was.Version == 0) {
		return nil
	}
	s.memory.Newest = 0
	if was != nil {
		s.memory.Presses, s.memory.Over = max(s.memory.Presses, s.memory.ReleasedLocal)+1, ""
		s.mark = &mark{Local: s.memory.Presses, Since: was.Since, Boot: was.Boot, Wifi: was.Wifi, Servers: was.Servers, Report: was.Report, Doubt: was.Doubt}
		if err := s.saveJSON(fileMark, s.mark, 0o600); err != nil {
			return err
		}
	}
	return s.saveMemory()
}

func loadPath(dir, name string) string { return (&state{dir: dir}).path(name) }

// EnrolKey binds a key to the person of a token, and gives the identity and the first
// desired state as it was signed. It keeps nothing.
func EnrolKey(ctx context.Context, h *http.Client, server, token string, key ed25519.PrivateKey, host, version string) (*Identity, string, error) {
	public := key.Public().(ed25519.PublicKey)
	raw, err := json.Marshal(wire.Enrol{
		Token: token, PublicKey: public, Proof: ed25519.Sign(key, wire.EnrolText(token, public)),
		Host: host, System: runtime.GOOS + "/" + runtime.GOARCH, Agent: version,
	})
	if err != nil {
		return nil, "", fmt.Errorf("marshal enrolment: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+wire.PathEnrol, bytes.NewReader(raw))
	if err != nil {
		return nil, "", fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h.Do(req)
	if err != nil {
		return nil, "", err
	}
	if res.StatusCode >= 300 {
		return nil, "", refusal(res)
	}
	defer res.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(res.Body, 2*wire.MaxDocument))
	if err != nil {
		return nil, "", fmt.Errorf("read answer: %w", err)
	}
	var out wire.Enrolled
	if json.Unmarshal(raw, &out) != nil || out.Device != wire.DeviceID(public) || len(out.Secret) != 32 || len(out.Keys) == 0 {
		return nil, "", ErrForeign
	}
	id := &Identity{Server: server, Device: out.Device, Person: out.Person, Trust: wire.Trust{Keys: out.Keys}, Secret: out.Secret, Key: key}
	trusted, err := id.Verifiers()
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrForeign, err)
	}
	doc, err := wire.OpenDocument(out.Document, trusted, id.Device, 0)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrForeign, err)
	}
	id.EnrolledAt, id.Servers = doc.Issued, doc.Servers
	return id, out.Document, nil
}

// ErrTicket says that a permission to take the agent away does not hold: another
// device's, run out, or signed by nobody that this PC trusts.
var ErrTicket = errors.New("agent: no valid permission to uninstall")

// ErrIsolated says that something must wait until the PC is released.
var ErrIsolated = errors.New("agent: this PC is isolated")

// CheckTicket is nil when the agent of a folder may be taken away: ticket permits it and
// the PC is not isolated, or it never was enrolled. Of such a PC nobody else can end the
// isolation, because no server knows of it. The server, where it is in reach, is first asked
// for newer keys: a PC whose key was refused has not been told to look for them.
func CheckTicket(ctx context.Context, dir, ticket string, clock Clock) error {
	s := loadState(dir)
	if s.id == nil {
		if _, err := os.Stat(s.path(fileIdentity)); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return ErrTicket
	}
	if s.mark != nil || s.cause().on {
		return ErrIsolated
	}
	s.askForKeys(ctx, clock)
	trusted, err := s.id.Verifiers()
	if err != nil {
		return ErrTicket
	}
	ticket = strings.ReplaceAll(strings.TrimSpace(ticket), "\r\n", "\n") // saved with Windows' line ends
	until, err := wire.OpenTicket(ticket+"\n", trusted, s.id.Device)
	if err != nil {
		return ErrTicket
	}
	now := wire.MicrosOf(clock.Now())
	if s.doc != nil {
		now = max(now, s.doc.Issued) // setting the clock back makes no old ticket young
	}
	if now > until {
		return ErrTicket
	}
	return nil
}

// askTime is how long a ticket waits for the server's newer keys.
const askTime = 5 * time.Second

// askForKeys follows the server's key changes for the moment; nothing is written down. Out of
// its reach, what is known counts.
func (s *state) askForKeys(ctx context.Context, clock Clock) {
	c, err := NewClient(ClientOptions{Identity: s.id, Clock: clock, Route: func() Route { return RouteOf(s.id.Server, s.servers()) }})
	if err != nil {
		return
	}
	defer c.Close()
	if s.doc != nil {
		c.clock.issued(s.doc.Issued)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if statements, err := c.Keys(ctx); err == nil {
		s.id.Follow(statements)
	}
}

// Forget takes the files of a folder away, the key with them.
func Forget(dir string) error {
	var errs []error
	for _, name := range []string{fileIdentity, fileKey, fileDocument, fileMemory, fileMark, fileGuard, fileLock} {
		errs = append(errs, removeFile(loadPath(dir, name)))
	}
	if err := os.RemoveAll(loadPath(dir, dirSpool)); err != nil {
		errs = append(errs, fmt.Errorf("remove spool: %w", err))
	}
	return errors.Join(errs...)
}
