package vm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"sekimori/internal/kit/wire"
)

// written is one write to a stick.
type written struct {
	at   int64
	data []byte
}

// keepWrites notes each write from now on, the next time the stick is plugged in.
func (s *stick) keepWrites() {
	s.t.Helper()
	before, err := os.ReadFile(s.image)
	if err == nil {
		err = os.WriteFile(s.image+".before", before, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = s.image + ".log"
	if err := os.WriteFile(s.log, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// writes reads what was noted: a block that begins with its size, then for each write a
// block that says where and how much, and the data.
func (s *stick) writes() []written {
	s.t.Helper()
	raw, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	const magic, sectorSizeAt = 0x6a736677736872, 24
	if len(raw) < 512 || binary.LittleEndian.Uint64(raw) != magic {
		s.t.Fatalf("%s is no log of writes", s.log)
	}
	const discard = 4
	size := int(binary.LittleEndian.Uint32(raw[sectorSizeAt:]))
	var all []written
	for raw = raw[size:]; len(raw) >= size; {
		sector, n, flags := binary.LittleEndian.Uint64(raw), int(binary.LittleEndian.Uint64(raw[8:])), binary.LittleEndian.Uint64(raw[16:])
		raw = raw[size:]
		if n == 0 && flags == 0 {
			break
		}
		if n == 0 || flags&discard != 0 {
			continue
		}
		all = append(all, written{int64(sector) * int64(size), raw[:n*size]})
		raw = raw[n*size:]
	}
	return all
}

// safeAfterEveryWrite pulls the stick out after each of its writes in turn: nothing may be
// damaged, and the token is one of these, the beginning of one, or not there.
func (s *stick) safeAfterEveryWrite(tokens ...string) {
	s.t.Helper()
	image, err := os.ReadFile(s.image + ".before")
	if err != nil {
		s.t.Fatal(err)
	}
	cut := &stick{t: s.t, image: filepath.Join(s.t.TempDir(), "cut"), start: s.start}
	all := s.writes()
	seen := map[string]bool{}
	for i, w := range all {
		copy(image[w.at:], w.data)
		if err := os.WriteFile(cut.image, image, 0o600); err != nil {
			s.t.Fatal(err)
		}
		if wrong := cut.wrong(true); wrong != "" {
			s.t.Fatalf("pulled out after write %d of %d: %s", i+1, len(all), wrong)
		}
		if got := cut.content("before.txt"); got != "was there before\n" {
			s.t.Fatalf("pulled out after write %d of %d: another file is %q", i+1, len(all), got)
		}
		at := fmt.Sprintf("%s@@%d", cut.image, cut.start)
		token, err := exec.CommandContext(s.t.Context(), "mtype", "-i", at, "::"+wire.TokenFile).Output()
		if err != nil {
			token = nil
		}
		known := len(token) == 0
		for _, t := range tokens {
			known = known || bytes.HasPrefix([]byte(t), token)
			seen[t] = seen[t] || t == string(token)
		}
		if !known {
			s.t.Fatalf("pulled out after write %d of %d: the token is %q", i+1, len(all), token)
		}
	}
	for _, t := range tokens {
		if !seen[t] {
			s.t.Errorf("%q was never written", t)
		}
	}
	s.t.Logf("safe after each of %d writes", len(all))
}
