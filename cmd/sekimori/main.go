// Command sekimori is the whole program: the server, the demo and the client verbs.
package main

import (
	_ "time/tzdata" // the company's time zone, on machines without a zone database

	"context"
	"os"
	"os/signal"
	"syscall"

	"sekimori/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
