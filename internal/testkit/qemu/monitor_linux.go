package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"
)

// answerTime is how long QEMU may take to answer; it does so at once when it has a
// processor to run on.
const answerTime = time.Minute

// monitor is QEMU's own port, by which it is told of cables and sockets (QMP: see
// docs/interop/qmp-spec of QEMU). It is for one goroutine.
type monitor struct {
	conn net.Conn
	in   *json.Decoder
	gone map[string]bool // devices that QEMU has said are taken away
}

// message is whatever QEMU says.
type message struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Device string `json:"device"`
	} `json:"data"`
}

// listenMonitor is called before QEMU is started, which connects to it.
func listenMonitor(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// meetMonitor waits for QEMU to connect and closes the listener.
func meetMonitor(l *net.UnixListener) (*monitor, error) {
	defer l.Close()
	if err := l.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	conn, err := l.Accept()
	if err != nil {
		return nil, fmt.Errorf("QEMU does not connect: %w", err)
	}
	m := &monitor{conn: conn, in: json.NewDecoder(conn), gone: map[string]bool{}}
	if _, err := m.hear(); err != nil { // its greeting
		return nil, errors.Join(err, conn.Close())
	}
	if err := m.do("qmp_capabilities", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

// args are the arguments of a command.
type args map[string]any

// do has QEMU carry out a command.
func (m *monitor) do(command string, a args) error {
	order := map[string]any{"execute": command}
	if a != nil {
		order["arguments"] = a
	}
	raw, err := json.Marshal(order)
	if err != nil {
		return err
	}
	if err := m.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, err := m.conn.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("tell QEMU %s: %w", command, err)
	}
	for {
		said, err := m.hear()
		switch {
		case err != nil:
			return fmt.Errorf("tell QEMU %s: %w", command, err)
		case said.Error != nil:
			return fmt.Errorf("QEMU refuses %s: %s", raw, said.Error.Desc)
		case said.Return != nil:
			return nil
		}
	}
}

// hear reads one thing that QEMU says, and notes what is gone.
func (m *monitor) hear() (message, error) {
	var said message
	err := m.in.Decode(&said)
	if said.Event == "DEVICE_DELETED" {
		m.gone[said.Data.Device] = true
	}
	return said, err
}

// remove takes a device away and waits until it is gone.
func (m *monitor) remove(id string) error {
	delete(m.gone, id)
	if err := m.do("device_del", args{"id": id}); err != nil {
		return err
	}
	for !m.gone[id] {
		if _, err := m.hear(); err != nil {
			return fmt.Errorf("wait until %s is gone: %w", id, err)
		}
	}
	return nil
}
