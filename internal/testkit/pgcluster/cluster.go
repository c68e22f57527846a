// Package pgcluster runs a throw-away PostgreSQL server out of a temporary folder.
//
// Tests use it through internal/testkit/pg; the test command and pgtemp use it
// directly, so it knows nothing of package testing. The server listens on the
// loopback address alone, trusts every local connection and, on Linux, dies with
// the process that started it.
package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Package is the Debian package that a message names when the server is missing.
const Package = "postgresql"

// Env names the variable with the URL of a server that tests may make databases on.
const Env = "SEKIMORI_TEST_POSTGRES"

// ErrMissing says that no PostgreSQL server programs were found.
var ErrMissing = errors.New("no PostgreSQL server programs (initdb, postgres) found: install the Debian package " + Package)

// Options choose how a cluster is set up. The zero value is the fast one.
type Options struct {
	// Durable keeps fsync, full_page_writes and synchronous_commit on, for tests
	// that kill the server and look at what is left.
	Durable bool
	// Small puts the tables and the write-ahead log on two small disks of their own,
	// for tests that fill them: see Cluster.TableDisk and LogDisk. Linux and root only.
	Small bool
}

// smallDisk is the size of each disk of a small cluster in bytes. An empty cluster's
// tables take 40 MB, and its log at most maxSmallLog.
const (
	smallDisk   = 64 << 20
	maxSmallLog = "16MB"
)

// Mode is a way of stopping the server.
type Mode int

// The modes, gentlest first.
const (
	Fast      Mode = iota // roll back open transactions, write a checkpoint, end
	Immediate             // end at once; the next start replays the log
	Kill                  // SIGKILL to every server process, as in a power cut
)

// startTimeout is generous: the machines that run all tests at once are slow ones.
const startTimeout = 90 * time.Second

// Cluster is one data folder and the server that runs on it, or does not.
// Its methods may be called from several goroutines.
type Cluster struct {
	bin  string // folder of initdb and postgres
	dir  string // temporary folder: data, socket and log
	port int
	opt  Options

	mu   sync.Mutex
	proc *process // nil while the server is stopped
}

// Find returns the folder of the newest server programs: Debian's own place
// first, then whatever initdb the PATH has.
func Find() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", fmt.Errorf("look for initdb: %w", err)
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })), nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrMissing
	}
	initdb, err = filepath.EvalSymlinks(initdb)
	if err != nil {
		return "", fmt.Errorf("resolve initdb: %w", err)
	}
	return filepath.Dir(initdb), nil
}

// major reads the version out of /usr/lib/postgresql/15/bin/initdb.
func major(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// New makes a data folder and starts a server on it.
func New(ctx context.Context, opt Options) (*Cluster, error) {
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	removeOrphans()
	dir, err := os.MkdirTemp("", folderPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, fmt.Errorf("make the cluster folder: %w", err)
	}
	c := &Cluster{bin: bin, dir: dir, opt: opt}
	if err := c.setUp(ctx); err != nil {
		return nil, errors.Join(err, removeFolder(dir))
	}
	return c, nil
}

// setUp runs initdb and the first start. A free port is only known to be free
// at the moment of asking, so a lost race is tried again with another one.
func (c *Cluster) setUp(ctx context.Context) error {
	if err := giveToServerUser(c.dir); err != nil {
		return err
	}
	args := []string{"-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"}
	if c.opt.Small {
		for _, disk := range []string{c.TableDisk(), c.LogDisk()} {
			if err := mountSmall(disk); err != nil {
				return err
			}
		}
		args = append(args, "--waldir="+filepath.Join(c.LogDisk(), "wal"), "--wal-segsize=1")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...)
	cmd.Dir = c.dir
	attr, err := serverAttr()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = attr
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for range 3 {
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.Start(ctx); err == nil {
			return nil
		}
	}
	return err
}

func (c *Cluster) data() string {
	if c.opt.Small {
		return filepath.Join(c.TableDisk(), "data")
	}
	return filepath.Join(c.dir, "data")
}

// TableDisk is the mount point of the disk with the tables of a small cluster.
func (c *Cluster) TableDisk() string { return filepath.Join(c.dir, tableDisk) }

// LogDisk is the mount point of the disk with the write-ahead log of a small cluster.
func (c *Cluster) LogDisk() string { return filepath.Join(c.dir, logDisk) }

// The names of the mount points, below the cluster's folder.
const (
	tableDisk = "table-disk"
	logDisk   = "log-disk"
)

// URL is the address of the maintenance database, as a superuser.
func (c *Cluster) URL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", c.port)
}

// startTries is how often a start without a known reason for failing is tried.
const startTries = 20

// Start starts the stopped server on the port it had before and waits until it
// answers. It does nothing when the server runs.
func (c *Cluster) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc != nil && !c.proc.ended() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for try := 1; ; try++ {
		err := c.startOnce(ctx)
		// What a killed server left goes away by itself; the log does not always say
		// that this was the reason.
		if err == nil || ctx.Err() != nil || try >= startTries && !c.leftoversRemain() {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c *Cluster) startOnce(ctx context.Context) error {
	proc, err := startProcess(c.command(), filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	for {
		if proc.ended() {
			return fmt.Errorf("postgres ended while starting: %s", c.logTail())
		}
		conn, err := pgx.Connect(ctx, c.URL())
		if err == nil {
			c.proc = proc
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			proc.kill()
			<-proc.done
			return fmt.Errorf("postgres does not answer: %w: %s", err, c.logTail())
		}
		time.Sleep(30 * time.Millisecond)
	}
}

func (c *Cluster) command() *exec.Cmd {
	set := map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(c.port), "unix_socket_directories": c.dir,
		"max_connections": "300", "shared_buffers": "64MB", "max_wal_size": "256MB",
		"timezone": "UTC", "log_timezone": "UTC", "autovacuum_naptime": "10min", "jit": "off",
	}
	if c.opt.Small {
		set["min_wal_size"], set["max_wal_size"] = "2MB", maxSmallLog
	}
	if !c.opt.Durable {
		set["fsync"], set["synchronous_commit"], set["full_page_writes"] = "off", "off", "off"
	}
	args := []string{"-D", c.data()}
	for k, v := range set {
		args = append(args, "-c", k+"="+v)
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), args...)
	cmd.Dir = c.dir
	return cmd
}

// leftoversRemain reports whether the last failed start was refused because
// children of a killed server still hold its shared memory. They end by
// themselves once they notice that their parent is gone.
func (c *Cluster) leftoversRemain() bool {
	tail := c.logTail()
	return strings.Contains(tail, "pre-existing shared memory block") || strings.Contains(tail, "is still in use") ||
		strings.Contains(tail, "could not bind")
}

func (c *Cluster) logTail() string {
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-1500):])
}

// Stop ends the server and waits for it. The data stays for the next Start.
func (c *Cluster) Stop(mode Mode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil {
		return nil
	}
	switch mode {
	case Fast:
		c.proc.signal(syscall.SIGINT)
	case Immediate:
		c.proc.signal(syscall.SIGQUIT)
	case Kill:
		c.proc.kill()
	default:
		return fmt.Errorf("unknown stop mode %d", mode)
	}
	<-c.proc.done
	c.proc = nil
	return nil
}

// Close stops the server at once and removes its folder.
func (c *Cluster) Close() error {
	return errors.Join(c.Stop(Immediate), removeFolder(c.dir))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
