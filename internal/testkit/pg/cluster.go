package pg

import (
	"context"
	"testing"

	"sekimori/internal/testkit/pgcluster"
)

// The ways of stopping a cluster, for Cluster.Stop.
const (
	Fast      = pgcluster.Fast
	Immediate = pgcluster.Immediate
	Kill      = pgcluster.Kill
)

// Cluster is a server of the test's own that it may stop, kill and start again.
type Cluster struct {
	t testing.TB
	c *pgcluster.Cluster
}

// StartCluster starts a server for this test alone, removed when the test ends.
// It writes as durably as a real one (fsync on), so that what a test sees after
// Stop(Kill) is what a crash leaves. SEKIMORI_TEST_POSTGRES is not used.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	return startOwn(t, pgcluster.Options{Durable: true})
}

// StartSmall is StartCluster with the tables and the log on two small disks, 64 MB
// each, that the test can fill. It needs root on Linux.
func StartSmall(t testing.TB) *Cluster {
	t.Helper()
	return startOwn(t, pgcluster.Options{Durable: true, Small: true})
}

func startOwn(t testing.TB, opt pgcluster.Options) *Cluster {
	t.Helper()
	c := start(t, opt)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the cluster: %v", err)
		}
	})
	return &Cluster{t: t, c: c}
}

// URL is the address of the cluster's own empty database; it survives restarts.
func (c *Cluster) URL() string { return c.c.URL() }

// TableDisk is the mount point of the disk with the tables, of a cluster by StartSmall.
func (c *Cluster) TableDisk() string { return c.c.TableDisk() }

// LogDisk is that of the disk with the write-ahead log.
func (c *Cluster) LogDisk() string { return c.c.LogDisk() }

// Stop ends the server in the given way and waits until it is gone.
func (c *Cluster) Stop(mode pgcluster.Mode) {
	c.t.Helper()
	if err := c.c.Stop(mode); err != nil {
		c.t.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Start starts the stopped server on the same port and waits until it answers.
func (c *Cluster) Start() {
	c.t.Helper()
	if err := c.c.Start(context.Background()); err != nil {
		c.t.Fatalf("start PostgreSQL again: %v", err)
	}
}
