package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"sekimori/internal/seal"
)

// What is sealed: one large file, and many of the size of documents, as incompressible as
// these are.
const (
	sealLarge     = 1 << 30 // bytes
	sealDocuments = 2_000
	sealDocument  = 256 << 10
	sealGoal      = 0.8
	sealPassword  = "tk4h-8mwe-3xyd-jr7p-bn2a"
)

// seals measures sealing into a ZIP file against 7-Zip, which stores and encrypts the same
// way, with the same number of threads. Ours also reads back and compares all that it
// wrote; so the second row gives 7-Zip the test that comes nearest to that.
func seals(ctx context.Context, b *bench) error {
	if _, err := exec.LookPath("7zz"); err != nil {
		return errors.New("7zz is missing: install the Debian package 7zip")
	}
	for _, set := range []struct {
		name  string
		files int
		size  int64
	}{{"one file of 1 GiB", 1, sealLarge}, {"2,000 files of 256 KiB", sealDocuments, sealDocument}} {
		dir := filepath.Join(b.dir, "seal-"+strconv.Itoa(set.files))
		if err := fillSeal(dir, set.files, set.size); err != nil {
			return err
		}
		for _, threads := range []int{1, runtime.NumCPU()} {
			if err := b.sealRounds(ctx, fmt.Sprintf("seal: zip, %s, %d threads", set.name, threads), dir, threads, float64(set.size)*float64(set.files)); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// fillSeal leaves the files in the page cache.
func fillSeal(dir string, files int, size int64) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	r := rand.NewChaCha8([32]byte{1}) // the same bytes each time
	buf := make([]byte, min(size, 1<<20))
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%05d.bin", i)))
		if err != nil {
			return err
		}
		for at := int64(0); at < size && err == nil; at += int64(len(buf)) {
			r.Read(buf) // never fails
			_, err = f.Write(buf)
		}
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sealTook is what a run took, in seconds.
type sealTook struct {
	wall, cpu         float64
	writing, writeCPU float64 // until ours begins to compare
}

func (b *bench) sealRounds(ctx context.Context, what, dir string, threads int, size float64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// In memory: only ours waits until its output is on the disk, and the disk is not what
	// is measured.
	shm, err := os.MkdirTemp("/dev/shm", "sekimori-bench-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(shm)
	out := filepath.Join(shm, "out.zip")
	n := strconv.Itoa(threads)
	sides := []struct {
		env  string
		args []string
		keep bool // for the side that follows
	}{
		{"GOMAXPROCS=" + n, []string{self, childWord, "seal", "-dsn", dir, "-cert", out}, false},
		{"", []string{"7zz", "a", "-tzip", "-mx0", "-mem=AES256", "-mmt" + n, "-bso0", "-bsp0", "-p" + sealPassword, out, dir}, true},
		{"", []string{"7zz", "t", "-mmt" + n, "-bso0", "-bsp0", "-p" + sealPassword, out}, false},
	}
	took := make([][]sealTook, len(sides))
	for range b.rounds {
		for i, s := range sides {
			t, err := runSealer(ctx, s.env, s.args)
			if err != nil {
				return err
			}
			took[i] = append(took[i], t)
			if !s.keep {
				if err := os.Remove(out); err != nil {
					return err
				}
			}
		}
	}
	rate := func(of func(i int) float64) []float64 { // MB/s
		var vs []float64
		for i := range b.rounds {
			vs = append(vs, size/1e6/of(i))
		}
		return vs
	}
	ours, add, test := took[0], took[1], took[2]
	addWall, addCPU := rate(func(i int) float64 { return add[i].wall }), rate(func(i int) float64 { return add[i].cpu })
	b.out.ratio(what+", written", " MB/s", rate(func(i int) float64 { return ours[i].writing }), addWall, sealGoal, "more")
	b.out.ratio("the same, per CPU-s", " MB", rate(func(i int) float64 { return ours[i].writeCPU }), addCPU, sealGoal, "more")
	b.out.ratio("written, opened again and compared; yardstick: 7-Zip writes", " MB/s", rate(func(i int) float64 { return ours[i].wall }), addWall, sealGoal, "more")
	b.out.ratio("the same; yardstick: 7-Zip writes and tests", " MB/s", rate(func(i int) float64 { return ours[i].wall }), rate(func(i int) float64 { return add[i].wall + test[i].wall }), sealGoal, "more")
	b.out.ratio("the same, per CPU-s", " MB", rate(func(i int) float64 { return ours[i].cpu }), rate(func(i int) float64 { return add[i].cpu + test[i].cpu }), sealGoal, "more")
	return nil
}

func runSealer(ctx context.Context, env string, args []string) (sealTook, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = os.Environ()
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, os.Stderr
	in, err := cmd.StdinPipe() // its end would end a child of ours
	if err != nil {
		return sealTook{}, err
	}
	defer in.Close()
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return sealTook{}, fmt.Errorf("%s: %w", args[0], err)
	}
	t := sealTook{wall: time.Since(start).Seconds(), cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if said.Len() > 0 { // by ours
		if _, err := fmt.Sscan(said.String(), &t.writing, &t.writeCPU); err != nil {
			return sealTook{}, fmt.Errorf("%s said %q: %w", args[0], said.String(), err)
		}
	}
	return t, nil
}

// sealChild seals a folder, as the program does, and tells what the writing alone took.
func sealChild(ctx context.Context, dir, out string) error {
	start, told := time.Now(), false
	_, err := seal.Seal(ctx, seal.Job{Format: seal.Zip, Paths: []string{dir}, Out: out, Password: sealPassword, Progress: func(p seal.Progress) {
		if p.Comparing && !told {
			told = true
			wall := time.Since(start)
			cpu, err := cpuOf(os.Getpid())
			fmt.Println(wall.Seconds(), max(cpu, 1.0/ticks), err)
		}
	}})
	return err
}
