package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// macOS gives pf, launchd and Wi-Fi to its own programs only. They are started here and
// nowhere else: by their full path, with fixed arguments, no shell and no environment but
// the language.

const (
	pfctl        = "/sbin/pfctl"
	launchctl    = "/bin/launchctl"
	networksetup = "/usr/sbin/networksetup"
	routeProgram = "/sbin/route"

	programTime = 10 * time.Second
	maxPrinted  = 4 << 20 // bytes kept of what a program prints
)

// start runs a program and gives what it printed, errors too. in is its standard input.
func start(ctx context.Context, in, path string, args ...string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, programTime)
	defer stop()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	cmd.Stdin = strings.NewReader(in)
	out := &bounded{left: maxPrinted}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(out.String())
		return out.String(), fmt.Errorf("%s: %w", path, errors.Join(err, ctx.Err(), errors.New(clip(text, 300))))
	}
	return out.String(), nil
}

// bounded keeps the first bytes written to it.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.left)]
	b.left -= len(kept)
	b.Buffer.Write(kept)
	return len(p), nil
}
