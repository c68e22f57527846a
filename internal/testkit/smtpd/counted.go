package smtpd

import (
	"net"
	"sync"
)

// counted is a listener that counts its connections.
type counted struct {
	net.Listener
	srv *Server
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.srv.count(1, 1)
	return &countedConn{Conn: c, srv: l.srv}, nil
}

type countedConn struct {
	net.Conn
	srv  *Server
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.srv.count(0, -1) })
	return c.Conn.Close()
}

func (s *Server) count(made, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made += made
	s.open += open
}
