// Command talker tries all the time, from the first instant that there is a network, to
// send something to each of the addresses that it is given: by UDP and by TCP. It is what
// a program on an infected PC may do.
package main

import (
	"net"
	"os"
	"time"
)

// pause is between two tries: short beside the time in which a network comes up, and
// long enough that an emulated machine gets on with its boot.
const pause = 40 * time.Millisecond

func main() {
	for _, to := range os.Args[1:] {
		go forever(to, sendUDP)
		go forever(to, sendTCP)
	}
	select {}
}

func forever(to string, send func(string) error) {
	for {
		send(to) // most of them fail, and that is no matter
		time.Sleep(pause)
	}
}

func sendUDP(to string) error {
	c, err := net.Dial("udp", to)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("stolen"))
	return err
}

func sendTCP(to string) error {
	c, err := net.DialTimeout("tcp", to, 300*time.Millisecond)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("stolen"))
	return err
}
