package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"sekimori/internal/testkit/qemu/call"
)

// serve does what it is asked until the port closes.
func serve() error {
	port, err := openPort()
	if err != nil {
		return err
	}
	var one sync.Mutex
	out := json.NewEncoder(port)
	answer := func(a call.Answer) error {
		one.Lock()
		defer one.Unlock()
		return out.Encode(a)
	}
	if err := answer(call.Answer{}); err != nil {
		return err
	}
	in := json.NewDecoder(port)
	for {
		var r call.Request
		if err := in.Decode(&r); err != nil {
			return err
		}
		go answer(do(r)) // ends with the program that it runs
	}
}

// openPort finds the port by its name: there may be no udev yet to make a link to it.
func openPort() (*os.File, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(b)) == call.Port {
			return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(name))), os.O_RDWR, 0)
		}
	}
	return nil, errors.New("there is no port " + call.Port)
}

func do(r call.Request) call.Answer {
	a := call.Answer{ID: r.ID}
	var err error
	if r.File != "" {
		err = write(r.File, r.In, fs.FileMode(r.Mode))
	} else {
		cmd := exec.Command(r.Args[0], r.Args[1:]...)
		cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
		var out, complaint bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(r.In), &out, &complaint
		err = cmd.Run()
		a.Out, a.Complaint = out.String(), complaint.String()
	}
	if err != nil {
		a.Err = err.Error()
	}
	return a
}

// write makes a file that outlives a power cut.
func write(name string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}
