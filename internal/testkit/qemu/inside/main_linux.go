// Command inside is what testkit/qemu has running in a machine. As its process 1 it is
// the whole of the first file system: it loads what the disk needs, fills the disk the
// first time and hands over to systemd. As a service it does what the test asks.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	if os.Getpid() == 1 {
		err = begin()
	} else {
		err = serve()
	}
	fmt.Fprintln(os.Stderr, "inside:", err)
	os.Exit(1)
}
