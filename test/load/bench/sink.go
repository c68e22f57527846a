package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sink is a mail server on loopback that takes everything and keeps nothing.
type sink struct {
	addr string
	l    net.Listener
	wg   sync.WaitGroup
	took atomic.Int64
	hold chan struct{} // closed: it speaks; open: it takes connections and says nothing

	mu    sync.Mutex
	first map[string]time.Time // per case number, when the first DATA command came; nil: not asked for
}

// newSink listens. A silent one says nothing until it is closed.
func newSink(silent, read bool) (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{addr: l.Addr().String(), l: l, hold: make(chan struct{})}
	if !silent {
		close(s.hold)
	}
	if read {
		s.first = map[string]time.Time{}
	}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	})
	return s, nil
}

func (s *sink) close() error {
	err := s.l.Close()
	s.wg.Wait()
	return err
}

func (s *sink) talk(c net.Conn) {
	defer c.Close()
	<-s.hold
	r := bufio.NewReader(c)
	say := func(line string) { io.WriteString(c, line+"\r\n") } // a client that is gone ends the next read
	say("220 sink.example")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(verb, "EHLO"):
			say("250-sink.example\r\n250-8BITMIME\r\n250 PIPELINING")
		case verb == "DATA":
			at := time.Now()
			say("354 go on")
			raw, err := textproto.NewReader(r).ReadDotBytes()
			if err != nil {
				return
			}
			s.keep(at, raw)
			say("250 2.0.0 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

var caseNumber = regexp.MustCompile(`INC-\d{4}-\d{4,}`)

func (s *sink) keep(at time.Time, raw []byte) {
	s.took.Add(1)
	if s.first == nil {
		return
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return
	}
	text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
	if err != nil {
		return
	}
	n := caseNumber.FindString(string(text))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, seen := s.first[n]; !seen {
		s.first[n] = at
	}
}

// quiet waits until no mail has come for a second and the server does next to nothing.
func (s *sink) quiet(cpu func() (float64, error), atMost time.Duration) error {
	const pause = 500 * time.Millisecond
	calm := 0
	for end := time.Now().Add(atMost); time.Now().Before(end); {
		mails, c0, err := s.was(cpu)
		if err != nil {
			return err
		}
		time.Sleep(pause)
		again, c1, err := s.was(cpu)
		if err != nil {
			return err
		}
		if again != mails || c1-c0 > 0.05 {
			calm = 0
			continue
		}
		if calm++; calm == 2 {
			return nil
		}
	}
	return errors.New("the server did not come to rest")
}

func (s *sink) was(cpu func() (float64, error)) (int64, float64, error) {
	c, err := cpu()
	return s.took.Load(), c, err
}
