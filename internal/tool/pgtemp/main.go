// Command pgtemp runs a command with a throw-away PostgreSQL server beside it.
//
//	go run ./internal/tool/pgtemp -- go test ./internal/outbound/...
//
// The command finds the server's URL in SEKIMORI_TEST_POSTGRES. When that is set
// already the command runs on that server and none is started. The exit status
// is the command's own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"sekimori/internal/testkit/pgcluster"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: pgtemp -- COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtemp:", err)
	}
	os.Exit(code)
}

// run returns the command's exit status, or 1 and what went wrong.
func run(ctx context.Context, args []string) (code int, err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(pgcluster.Env) == "" {
		c, err := pgcluster.New(ctx, pgcluster.Options{})
		if err != nil {
			return 1, err
		}
		defer func() {
			if closeErr := c.Close(); closeErr != nil {
				code, err = 1, errors.Join(err, closeErr)
			}
		}()
		cmd.Env = append(os.Environ(), pgcluster.Env+"="+c.URL())
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, fmt.Errorf("run %s: %w", args[0], err)
	}
	return 0, nil
}
