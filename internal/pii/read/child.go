package read

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"sekimori/internal/pii"
)

// ChildOptions say how children are started and when they are exchanged.
type ChildOptions struct {
	// Command is the program and its arguments that end up in [Serve]: this very program with its hidden verb.
	Command []string
	// Started is called with each new process before it gets work, such as to lower its priority; it may be nil.
	Started func(*os.Process) error
	Temp    string // as [Options].Temp: a private folder, in which nothing stays
	// Cache as [Options].Cache. Code is run from it: it must belong to this user, and nobody else may write there.
	Cache  string
	Memory int64 // bytes that a child may hold; 0 means 512 MiB
	Files  int   // after so many a new child is taken; 0 means 500
}

const (
	defaultMemory = 512 << 20
	defaultFiles  = 500
	grace         = 3 * time.Second // beyond Limits.Time for the child to say itself that its time is over
)

// exitCPU is the code by which a child says that it has computed for too long.
const exitCPU = 70

// Child reads files in a process of its own, and in a new one after each that went wrong. It reads one file at a time;
// for more, take more of them. Close it.
type Child struct {
	opt    ChildOptions
	proc   *process
	warmed bool
}

// NewChild starts nothing yet.
func NewChild(opt ChildOptions) *Child {
	if opt.Memory <= 0 {
		opt.Memory = defaultMemory
	}
	if opt.Files <= 0 {
		opt.Files = defaultFiles
	}
	return &Child{opt: opt}
}

// Confined names what the operating system keeps from the running child: "landlock", "seccomp", "limits", "job".
// Empty before the first file.
func (c *Child) Confined() []string {
	if c.proc == nil {
		return nil
	}
	return c.proc.confined
}

// Close ends the child and waits for it.
func (c *Child) Close() error {
	if c.proc == nil {
		return nil
	}
	p := c.proc
	c.proc = nil
	return p.bye()
}

// File takes src apart as [Reader.File] does. A child that dies, hangs or talks nonsense makes the file one that could
// not be read; the error is the sink's, ctx's, or says that no child can be started at all.
func (c *Child) File(ctx context.Context, src Source, name string, limits Limits, sink pii.Sink) (Report, error) {
	limits = limits.orDefault()
	if err := c.ready(ctx); err != nil {
		return Report{}, err
	}
	p := c.proc
	p.files++
	timer := time.AfterFunc(limits.Time+grace, func() { p.kill(TooLong) })
	stop := context.AfterFunc(ctx, func() { p.kill(unknown) })
	talk := &conversation{line: p.line, src: src, sink: sink}
	err := talk.run(ctx, jobOrder{Name: name, Size: src.Size(), Limits: limits})
	undisturbed := timer.Stop()
	undisturbed = stop() && undisturbed

	report := talk.report
	var own *sinkError
	switch {
	case err == nil:
		if !undisturbed || p.files >= c.opt.Files || talk.memory > c.opt.Memory/2 {
			c.drop()
		}
	case ctx.Err() != nil:
		c.drop()
		return report, ctx.Err()
	case errors.As(err, &own):
		c.drop()
		return report, own.err
	default:
		report.whole(c.drop())
	}
	if s, ok := src.(interface{ Changed() bool }); ok && s.Changed() {
		report.whole(Changed)
	}
	return report, nil
}

// ready has a child running.
func (c *Child) ready(ctx context.Context) error {
	if c.proc != nil {
		return nil
	}
	set := settings{Temp: c.opt.Temp, Cache: c.opt.Cache, Memory: c.opt.Memory}
	if c.opt.Cache != "" && !c.warmed {
		warm := set
		warm.Warm = true
		if !c.warm(ctx, warm) {
			c.opt.Cache, set.Cache = "", ""
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c.warmed = true
	}
	p, err := c.start(ctx, set)
	if err != nil {
		return fmt.Errorf("start a reader: %w", err)
	}
	c.proc = p
	return nil
}

// warm has a child compile the PDF reader into the folder for it. Where that cannot be, or where others could put their
// own code into the folder, children do without it: slower, and no less right.
func (c *Child) warm(ctx context.Context, set settings) bool {
	if !private(set.Cache) {
		return false
	}
	p, err := c.start(ctx, set)
	return err == nil && p.bye() == nil
}

// drop ends the child at once and says what it died of.
func (c *Child) drop() Reason {
	p := c.proc
	c.proc = nil
	return p.end()
}

// process is one running child.
type process struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	line     *line
	stderr   *tail
	confined []string
	files    int

	mu     sync.Mutex
	killed bool
	why    Reason // for which it was killed
}

// start runs a child and hears that it is ready.
func (c *Child) start(ctx context.Context, set settings) (*process, error) {
	cmd := exec.Command(c.opt.Command[0], c.opt.Command[1:]...)
	cmd.Env = childEnv()
	p := &process{cmd: cmd, stderr: &tail{}}
	cmd.Stderr = p.stderr
	cmd.WaitDelay = grace
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.line = newLine(out, p.stdin)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.greet(ctx, c.opt, set); err != nil {
		p.kill(unknown)
		p.end()
		return nil, fmt.Errorf("%w: %s", err, p.stderr.String())
	}
	return p, nil
}

func (p *process) greet(ctx context.Context, opt ChildOptions, set settings) error {
	stop := context.AfterFunc(ctx, func() { p.kill(unknown) })
	defer stop()
	limit := time.AfterFunc(time.Minute, func() { p.kill(TooLong) })
	defer limit.Stop()
	if opt.Started != nil {
		if err := opt.Started(p.cmd.Process); err != nil {
			return err
		}
	}
	if err := contain(p.cmd.Process, opt.Memory); err != nil {
		return err
	}
	if err := errors.Join(p.line.sendJSON(frameSettings, set), p.line.w.Flush()); err != nil {
		return err
	}
	kind, content, err := p.line.receive()
	if err != nil {
		return err
	}
	var r readiness
	if kind != frameReady || json.Unmarshal(content, &r) != nil {
		return errors.New("no child of this program")
	}
	p.confined = r.Confined
	return nil
}

// childEnv is all that a child knows of its surroundings.
func childEnv() []string {
	env := []string{"GOMAXPROCS=2"}
	if runtime.GOOS == "windows" { // without it no program starts
		env = append(env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	return env
}

func (p *process) kill(why Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.killed {
		p.killed, p.why = true, why
		_ = p.cmd.Process.Kill()
	}
}

// bye lets a child end by itself.
func (p *process) bye() error {
	timer := time.AfterFunc(grace, func() { p.kill(TooLong) })
	defer timer.Stop()
	_ = p.stdin.Close()
	return p.cmd.Wait()
}

// end makes sure that a child is gone and says what it died of. It may have died before; then that is why.
func (p *process) end() Reason {
	_ = p.stdin.Close()
	timer := time.AfterFunc(grace/10, func() { p.kill(unknown) })
	defer timer.Stop()
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed && p.why != unknown {
		return p.why
	}
	var exit *exec.ExitError
	said := p.stderr.String()
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == exitCPU:
		return TooLong
	case strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"):
		return TooLarge
	case !p.killed && err != nil && strings.Contains(err.Error(), "killed"):
		return TooLarge // nobody but the kernel does that, when memory runs out
	}
	return Damaged
}

// tail keeps the beginning of what a dying child says: there it names the cause.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 4096 - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// conversation is the reading of one file as the parent sees it.
type conversation struct {
	line   *line
	src    Source
	sink   pii.Sink
	report Report
	memory int64
	rows   pii.Rows
	buf    []byte
}

var errNonsense = errors.New("the reader talks nonsense")

// run gives the job and does what the child asks until it is done.
func (c *conversation) run(ctx context.Context, order jobOrder) error {
	if err := errors.Join(c.line.sendJSON(frameJob, order), c.line.w.Flush()); err != nil {
		return err
	}
	for {
		kind, content, err := c.line.receive()
		if err != nil {
			return err
		}
		switch kind {
		case frameDone:
			var d done
			if json.Unmarshal(content, &d) != nil || !sound(d.Report) {
				return errNonsense
			}
			c.report, c.memory = d.Report, d.Memory
			return nil
		case frameAsk:
			err = c.answer(content)
		case frameText:
			err = c.text(ctx, content)
		case frameTable:
			c.report.Tables++
			c.rows = c.sink.Table(clean(string(content)))
		case frameHeader:
			err = c.header(content)
		case frameRow:
			err = c.row(content)
		default:
			err = errNonsense
		}
		if err != nil {
			return err
		}
	}
}

// sound reports whether a report holds only what a report may hold.
func sound(r Report) bool {
	if r.Parts < 0 || r.Texts < 0 || r.Tables < 0 || r.Rows < 0 || r.Bytes < 0 || r.Left < 0 {
		return false
	}
	for _, u := range r.Unread {
		known := false
		for _, why := range Reasons() {
			known = known || why == u.Reason
		}
		if !known || u.Part != clean(u.Part) {
			return false
		}
	}
	return true
}

// clean bounds a place that comes from a child.
func clean(part string) string {
	if len(part) > maxPlace {
		part = part[:maxPlace]
	}
	return strings.ToValidUTF8(part, "�")
}

// answer gives the bytes of the file that are asked for.
func (c *conversation) answer(ask []byte) error {
	if len(ask) != 12 {
		return errNonsense
	}
	off, n := int64(binary.BigEndian.Uint64(ask)), binary.BigEndian.Uint32(ask[8:])
	if off < 0 || n > askSize {
		return errNonsense
	}
	if c.buf == nil {
		c.buf = make([]byte, askSize)
	}
	got, err := c.src.ReadAt(c.buf[:n], off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.line.send(frameFailed, []byte(reasonOf(err)))
	} else {
		err = c.line.send(frameData, c.buf[:got])
	}
	return errors.Join(err, c.line.w.Flush())
}

// text lets the sink read a text while it comes in.
func (c *conversation) text(ctx context.Context, content []byte) error {
	var head textHead
	if json.Unmarshal(content, &head) != nil {
		return errNonsense
	}
	c.report.Texts++
	r := &farText{c: c}
	if err := c.sink.Text(ctx, clean(head.Part), r, head.Hint); err != nil && r.err == nil {
		return &sinkError{err}
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // what the sink did not want
		return err
	}
	return nil
}

// farText is a text that comes in frames.
type farText struct {
	c    *conversation
	rest []byte
	end  bool
	err  error
}

// Read implements [io.Reader].
func (t *farText) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		if t.end {
			return 0, io.EOF
		}
		kind, content, err := t.c.line.receive()
		switch {
		case err != nil:
			t.err = noEOF(err)
		case kind == frameBytes:
			t.c.report.Bytes += int64(len(content))
			t.rest = content
		case kind == frameEnd:
			t.end = true
		case kind == frameAsk:
			t.err = t.c.answer(content)
		default:
			t.err = errNonsense
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (c *conversation) header(content []byte) error {
	cells, err := parseCells(content)
	if err != nil || c.rows == nil {
		return errNonsense
	}
	c.rows.Header(cells)
	return nil
}

func (c *conversation) row(content []byte) error {
	n, k := binary.Uvarint(content)
	if k <= 0 || c.rows == nil || n > 1<<40 {
		return errNonsense
	}
	first, rest, err := parseCell(content[k:])
	if err != nil {
		return errNonsense
	}
	cells, err := parseCells(rest)
	if err != nil {
		return errNonsense
	}
	c.report.Rows++
	c.rows.Row(cells, pii.Place{Line: int(n), Cell: first})
	return nil
}
