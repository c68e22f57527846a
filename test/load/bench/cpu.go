package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ticks is how many parts of a second /proc counts in: USER_HZ is 100 on every Linux
// that Go runs on.
const ticks = 100

// stat is one process's line in /proc.
type stat struct {
	parent         int
	own, withReaps float64 // CPU-seconds; the second with those of children that ended
}

func readStat(pid string) (stat, error) {
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return stat{}, err
	}
	end := bytes.LastIndexByte(raw, ')') // the name before it may hold anything
	f := strings.Fields(string(raw[end+1:]))
	if end < 0 || len(f) < 16 {
		return stat{}, fmt.Errorf("/proc/%s/stat: unknown form", pid)
	}
	n := func(i int) float64 { v, _ := strconv.ParseFloat(f[i], 64); return v / ticks } // the kernel writes numbers
	parent, _ := strconv.Atoi(f[1])
	own := n(11) + n(12)
	return stat{parent: parent, own: own, withReaps: own + n(13) + n(14)}, nil
}

// cpuOf is the CPU time of a process, all its threads.
func cpuOf(pid int) (float64, error) {
	s, err := readStat(strconv.Itoa(pid))
	return s.own, err
}

// residentOf is how many bytes of a process are in memory.
func residentOf(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(raw))
	if len(f) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm: unknown form", pid)
	}
	n, err := strconv.ParseInt(f[1], 10, 64)
	return n * int64(os.Getpagesize()), err
}

// cpuOfTree is the CPU time of a process and its children, those that ended included:
// a database server that gives every connection a process of its own.
func cpuOfTree(root int) (float64, error) {
	s, err := readStat(strconv.Itoa(root))
	if err != nil {
		return 0, err
	}
	sum := s.withReaps
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, d := range dirs {
		c, err := readStat(filepath.Base(d))
		if err == nil && c.parent == root { // others come and go meanwhile
			sum += c.own
		}
	}
	return sum, nil
}

// clusterPID finds the first process of a database server by its own word.
func clusterPID(ctx context.Context, url string) (int, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	var dir string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
		return 0, fmt.Errorf("find data folder: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	return strconv.Atoi(strings.TrimSpace(first))
}

// newDatabase makes a database and gives its URL.
func newDatabase(ctx context.Context, url, name string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("make database: %w", err)
	}
	return strings.Replace(url, "/postgres?", "/"+name+"?", 1), nil
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(raw))[:3], " ")
}
