package endpoint

import (
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sekimori/internal/agent"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/tool/isolation/stage"
)

// portDiscard is where the attacker takes packets and answers none.
const portDiscard = 9

// BenchmarkPress measures from the press, a request over the running agent's socket, to the
// last packet of a PC that never stops sending, IPv4 and IPv6, as it comes in at the far
// side of the wire. One operation is that span; what is around it is not counted.
func BenchmarkPress(b *testing.B) {
	c := stage.New(b, built)
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	c.Attacker.ListenPacket("udp", fmt.Sprintf(":%d", portDiscard))
	wire := c.Attacker.Capture("eth0")
	service, err := agent.Dial(b.Context(), filepath.Join(pc.State, "control.sock"))
	if err != nil {
		b.Fatal(err)
	}
	var all time.Duration
	n := 0
	for b.Loop() {
		all += untilSilence(b, pc, wire, service)
		n++
		c.Server.Await(pc.Device, "proven", stage.Proven)
		c.Server.Release(pc.Device, "once more")
		c.Server.Await(pc.Device, "released", stage.Released)
	}
	b.ReportMetric(float64(all.Nanoseconds())/float64(n), "ns/op")
}

// untilSilence presses while the PC sends, and gives the time until its last packet.
func untilSilence(b *testing.B, pc *stage.PC, wire *netns.Capture, service *agent.Service) time.Duration {
	b.Helper()
	before := len(wire.Frames(0))
	stop := send(b, pc)
	defer stop()
	for end := time.Now().Add(stage.Patience); len(discarded(wire.Frames(before))) < 1000; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("the packets do not come in")
		}
	}
	pressed := time.Now()
	if _, problem, err := service.Infected(b.Context(), ""); err != nil || problem != "" {
		b.Fatalf("press: %v %s", err, problem)
	}
	time.Sleep(300 * time.Millisecond) // it sends on, and nothing may come
	stop()
	wire.Settle()
	came := discarded(wire.Frames(before))
	last := came[len(came)-1].At
	if time.Since(last) < 200*time.Millisecond {
		b.Fatal("packets came in after the press was answered")
	}
	return max(0, last.Sub(pressed))
}

// send has the PC send to the attacker by both versions until it is told to stop.
func send(b *testing.B, pc *stage.PC) (stop func()) {
	b.Helper()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for _, to := range []string{stage.Attacker4, stage.Attacker6} {
		conn, err := pc.Dial(b.Context(), "udp", net.JoinHostPort(to, fmt.Sprint(portDiscard)))
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close()
			for {
				select {
				case <-quit:
					return
				case <-time.After(20 * time.Microsecond):
					conn.Write([]byte("x")) // once the PC is cut off it is refused
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(quit)
		wg.Wait()
	})
}

// discarded are the frames that carry what send sends.
func discarded(frames []netns.Frame) []netns.Frame {
	const head, udp = 14, 17
	var out []netns.Frame
	for _, f := range frames {
		proto, size := 9, 20
		if len(f.Data) > 12 && binary.BigEndian.Uint16(f.Data[12:]) == 0x86dd {
			proto, size = 6, 40
		}
		if len(f.Data) >= head+size+4 && f.Data[head+proto] == udp && binary.BigEndian.Uint16(f.Data[head+size+2:]) == portDiscard {
			out = append(out, f)
		}
	}
	return out
}
