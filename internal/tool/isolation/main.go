// Command isolation shows what becomes of an infected PC, with the real programs in
// networks of their own that it makes and removes again:
//
//	sudo go run ./internal/tool/isolation [-keep]
//
// It tells each step in Japanese and English. With -keep everything stays as it is at the
// end until Ctrl-C. It needs Linux and root, and changes nothing of this machine.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	prepare()
	keep := flag.Bool("keep", false, "stay open at the end, until Ctrl-C")
	flag.Parse()
	if why := unable(); why != "" {
		fmt.Fprintln(os.Stderr, why)
		os.Exit(1)
	}
	os.Exit(show(*keep))
}
