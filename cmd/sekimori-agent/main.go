// Command sekimori-agent is the slim build for PCs: the agent's verbs, and no server.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sekimori/internal/cli/endpoint"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := endpoint.Main(ctx, endpoint.Program{Name: "sekimori-agent"}, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
