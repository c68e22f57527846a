package story

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/testkit/pg"
)

// fillDisk: filldisk DIR [SPARE] writes a file into DIR until the disk takes no more, then gives
// SPARE bytes back.
func (s *stage) fillDisk(ts *testscript.TestScript, args []string) error {
	name := filepath.Join(ts.MkAbs(args[0]), "filler")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			if noRoom(err) {
				break
			}
			return err
		}
	}
	if len(args) < 2 {
		return nil
	}
	var spare int64
	if _, err := fmt.Sscan(args[1], &spare); err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return f.Truncate(max(0, st.Size()-spare))
}

// makeRoom: makeroom DIR takes away what filldisk wrote.
func (s *stage) makeRoom(ts *testscript.TestScript, args []string) error {
	return os.Remove(filepath.Join(ts.MkAbs(args[0]), "filler"))
}

// database: database own gives the script a PostgreSQL server of its own, before the
// company is made; database kill | stop | start does that to it.
func (s *stage) database(_ *testscript.TestScript, args []string) error {
	if args[0] == "own" {
		s.cluster = pg.StartCluster(s.t)
		return os.WriteFile(filepath.Join(s.dir, "database"), []byte(s.cluster.URL()+"\n"), 0o600)
	}
	if s.cluster == nil {
		return errors.New("the script has no database server of its own")
	}
	switch args[0] {
	case "kill":
		s.cluster.Stop(pg.Kill)
	case "stop":
		s.cluster.Stop(pg.Immediate)
	case "start":
		s.cluster.Start()
	default:
		return fmt.Errorf("unknown: database %s", args[0])
	}
	return nil
}

// otherCmd: other start runs a second server on the same database and keys, reached at
// $OTHER; other kill ends it as a power cut would. Both say the same address to people.
func (s *stage) otherCmd(ts *testscript.TestScript, args []string) error {
	if args[0] == "kill" {
		if s.other.cmd == nil {
			return errors.New("no other server runs")
		}
		s.other.kill()
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	ts.Setenv("OTHER", "http://127.0.0.1:"+port)
	env := append(environ(ts), "SEKIMORI_LISTEN=127.0.0.1:"+port, "SEKIMORI_BASE_URL="+ts.Getenv("URL"))
	s.other, err = s.launch(ts, ts.Getenv("OTHER"), env, nil)
	return err
}
