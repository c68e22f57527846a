package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/archive"
	"sekimori/internal/outbound/blob"
	"sekimori/internal/outbound/store"
)

// RestoreOptions say which backup is put back, and where.
type RestoreOptions struct {
	From         string // the backup
	Identity     string // file with the age key that opens it; may be ""
	Passphrase   string // file with the passphrase that opens it; may be ""
	Dir          string // becomes the data folder; must be empty or missing
	DatabaseFile string // file with the postgres:// URL of an empty database; "": SQLite in Dir
	Keys         string // the server's keys folder, where the backup has none; may be ""
	Check        bool   // only read the backup through: nothing is written
}

// RestoreReport is what was put back and found right.
type RestoreReport struct {
	Made     time.Time `json:"made"` // the backup
	Program  string    `json:"program"`
	Tables   int       `json:"tables"`
	Rows     int64     `json:"rows"`
	Files    int       `json:"files"`
	Keys     bool      `json:"keys"`   // the backup holds them
	Signed   bool      `json:"signed"` // by this server's key, which was at hand
	Size     int64     `json:"journal_size"`
	Root     string    `json:"journal_root"`
	Unsealed int       `json:"unsealed"`
	Missing  []string  `json:"missing,omitempty"` // were lost before the backup was made
	Restored bool      `json:"restored"`          // false after a mere check
	Config   string    `json:"config,omitempty"`  // where the config file of then was put
}

// Restore puts a backup back into an empty place, or only checks it. The backup is read
// through first, so that a damaged one changes nothing. What was put back is then compared
// with what the backup says, the record with its newest signed checkpoint and each file
// with its row. Until all of that is right no server starts on it.
func Restore(ctx context.Context, o RestoreOptions) (RestoreReport, error) {
	keys, err := o.identities()
	if err != nil {
		return RestoreReport{}, err
	}
	r := restore{o: o, open: keys, keyFiles: map[string][]byte{}, free: -1}
	if !o.Check {
		r.free = freeBytes(standing(o.Dir))
	}
	if err := r.check(); err != nil {
		return RestoreReport{}, backupFault(err)
	}
	if o.Check {
		return r.r, nil
	}
	if err := r.put(ctx); err != nil {
		return r.r, fullOr(backupFault(err))
	}
	r.r.Restored = true
	return r.r, nil
}

// backupFault says in words what is wrong with a backup.
func backupFault(err error) error {
	for is, id := range map[error]string{archive.ErrDamaged: "operator.damaged", archive.ErrKey: "operator.wrong_key",
		archive.ErrSignature: "operator.not_ours", store.ErrNotEmpty: "operator.not_empty", store.ErrNewer: "operator.newer"} {
		if errors.Is(err, is) {
			return errors.Join(fault.New(fault.Invalid, id, fault.Args{"detail": err.Error()}), err)
		}
	}
	return err
}

// identities are what can open the backup.
func (o RestoreOptions) identities() ([]age.Identity, error) {
	var out []age.Identity
	if o.Identity != "" {
		text, err := os.ReadFile(o.Identity)
		if err != nil {
			return nil, fmt.Errorf("read the key of the backup: %w", err)
		}
		if out, err = age.ParseIdentities(bytes.NewReader(text)); err != nil {
			// The parser's own words may quote the line, which is a secret.
			return nil, fault.New(fault.Invalid, "operator.bad_identity", fault.Args{"name": o.Identity})
		}
	}
	if o.Passphrase != "" {
		text, err := passphrase(o.Passphrase)
		if err != nil {
			return nil, err
		}
		k, err := age.NewScryptIdentity(text)
		if err != nil {
			return nil, fmt.Errorf("take the passphrase: %w", err)
		}
		out = append(out, k)
	}
	return out, nil
}

// restore is one backup while it is put back.
type restore struct {
	o        RestoreOptions
	open     []age.Identity
	about    backupAbout
	r        RestoreReport
	keyFiles map[string][]byte // of the keys folder, by their names
	size     restoreSize
	free     int64 // bytes that may be written where it goes; -1 when nothing is, or nobody can tell
}

// read reads the whole backup.
func (r *restore) read(each func(name string, size int64, content io.Reader) error) (*archive.Contents, error) {
	f, err := os.Open(r.o.From)
	if err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	defer f.Close()
	return archive.Read(bufio.NewReaderSize(f, 1<<20), r.open, each)
}

// What no backup of this program exceeds, in bytes: all files of the keys folder together,
// and the config file. Both are held in memory.
const (
	maxKeyFiles = 16 << 20
	maxConfig   = 1 << 20
)

// check reads the backup through without writing anything.
func (r *restore) check() error {
	files := 0
	c, err := r.read(func(name string, size int64, content io.Reader) error {
		base, isKey := strings.CutPrefix(name, keyFolder)
		part, isPart := strings.CutPrefix(name, tableFolder)
		switch {
		case strings.HasPrefix(name, evidenceFolder):
			files++
			r.size.files += size
		case isPart:
			if err := r.size.unpack(path.Dir(part), content); err != nil {
				return err
			}
		case isKey:
			if r.size.keys += size; r.size.keys > maxKeyFiles {
				return fmt.Errorf("%w: its keys are too long", archive.ErrDamaged)
			}
			text, err := io.ReadAll(content)
			r.keyFiles[base] = text
			return err
		case name == configMember && size > maxConfig:
			return fmt.Errorf("%w: its config file is too long", archive.ErrDamaged)
		}
		return r.fits()
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(c.About, &r.about); err != nil {
		return fmt.Errorf("%w: %w", archive.ErrDamaged, err)
	}
	if err := r.size.stated(r.about.Tables); err != nil {
		return err
	}
	r.about.Tables = slices.DeleteFunc(r.about.Tables, func(t backupTable) bool { return store.Passing(t.Name) }) // of an older program
	r.r = RestoreReport{Made: r.about.Made, Program: r.about.Program, Tables: len(r.about.Tables), Files: files, Keys: r.about.Keys, Missing: r.about.Missing}
	for _, t := range r.about.Tables {
		r.r.Rows += t.Rows
	}
	if r.o.Keys != "" {
		if r.keyFiles, err = keysIn(r.o.Keys); err != nil {
			return err
		}
	}
	if len(r.keyFiles) == 0 && r.o.Check {
		return nil
	}
	known, err := r.known()
	if err != nil {
		return err
	}
	if err := c.SignedBy(known); err != nil {
		return err
	}
	r.r.Signed = true
	return r.readCheckpoint(known)
}

// known are the keys that the record, and so the backup, may be signed with.
func (r *restore) known() (*journal.Keys, error) {
	pub, ok := r.keyFiles[journalPub]
	if !ok {
		return nil, fault.New(fault.Invalid, "operator.keys_needed", nil)
	}
	return journalKeys(string(pub))
}

func (r *restore) readCheckpoint(known *journal.Keys) error {
	if r.about.Checkpoint == "" {
		return nil
	}
	cp, err := journal.ParseCheckpoint([]byte(r.about.Checkpoint), known)
	if err != nil {
		return fmt.Errorf("%w: %w", archive.ErrDamaged, err)
	}
	r.r.Size, r.r.Root = cp.Size, cp.Root.String()
	return nil
}

// keysIn reads the files of a keys folder.
func keysIn(dir string) (map[string][]byte, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read keys folder: %w", err)
	}
	out := map[string][]byte{}
	for _, e := range found {
		if !e.Type().IsRegular() {
			continue
		}
		if out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("read keys folder: %w", err)
		}
	}
	return out, nil
}

// target gives the config of the restored server, as far as a restore needs one.
func (r *restore) target() (Config, string, error) {
	dir, err := filepath.Abs(r.o.Dir)
	if err != nil {
		return Config{}, "", fmt.Errorf("find folder: %w", err)
	}
	cfg := Config{Data: dir, DatabaseFile: r.o.DatabaseFile, Database: filepath.Join(dir, "sekimori.db")}
	dsn, err := cfg.dsn()
	return cfg, dsn, err
}

// put writes everything and then looks whether it is right. The database comes first,
// marked as unfinished; the mark goes last.
func (r *restore) put(ctx context.Context) error {
	cfg, dsn, err := r.target()
	if err != nil {
		return err
	}
	if err := emptyFolder(cfg.Data); err != nil {
		return err
	}
	if err := r.rows(ctx, cfg, dsn); err != nil {
		return err
	}
	if err := r.putKeys(filepath.Join(cfg.Data, "keys")); err != nil {
		return err
	}
	return r.compare(ctx, cfg, dsn)
}

// emptyFolder makes the folder, or refuses one that holds anything.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read data folder: %w", err)
	}
	if len(found) > 0 {
		return fault.New(fault.Conflict, "operator.folder_not_empty", fault.Args{"name": dir})
	}
	return nil
}

// rows reads the backup a second time and writes rows and files as they come.
func (r *restore) rows(ctx context.Context, cfg Config, dsn string) (err error) {
	l, err := store.Load(ctx, dsn, r.about.Schema)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := r.sameColumns(ctx, l); err != nil {
		return err
	}
	key, err := blob.ParseKey(r.keyFiles[evidenceKey])
	if err != nil {
		return err
	}
	files, err := blob.OpenFiles(filepath.Join(cfg.Data, "evidence"), key, wallOf(ctx)())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	_, err = r.read(func(name string, _ int64, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if file, ok := strings.CutPrefix(name, evidenceFolder); ok {
			return files.PutSealed(ctx, file, content)
		}
		if part, ok := strings.CutPrefix(name, tableFolder); ok {
			return r.part(ctx, l, path.Dir(part), content)
		}
		if name == configMember {
			return r.putConfig(cfg.Data, content)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.counted(ctx, l)
}

// sameColumns refuses a backup whose tables are others than that version's.
func (r *restore) sameColumns(ctx context.Context, l *store.Loading) error {
	made, err := l.Tables(ctx)
	if err != nil {
		return err
	}
	columns := func(t store.Table) []store.Column {
		return slices.SortedFunc(slices.Values(t.Columns), func(a, b store.Column) int { return strings.Compare(a.Name, b.Name) })
	}
	want := map[string][]store.Column{}
	for _, t := range made {
		want[t.Name] = columns(t)
	}
	for _, t := range r.about.Tables {
		known, ok := want[t.Name]
		delete(want, t.Name) // none comes twice
		if !ok || !slices.Equal(known, columns(t.Table)) {
			return fmt.Errorf("%w: table %s is not that of version %d", archive.ErrDamaged, t.Name, r.about.Schema)
		}
	}
	if len(made) != len(r.about.Tables) {
		return fmt.Errorf("%w: it has %d tables, version %d has %d", archive.ErrDamaged, len(r.about.Tables), r.about.Schema, len(made))
	}
	return nil
}

// part writes one part of a table.
func (r *restore) part(ctx context.Context, l *store.Loading, name string, content io.Reader) error {
	if store.Passing(name) {
		return nil
	}
	i := slices.IndexFunc(r.about.Tables, func(t backupTable) bool { return t.Name == name })
	if i < 0 {
		return fmt.Errorf("%w: rows of an unknown table %q", archive.ErrDamaged, name)
	}
	t := r.about.Tables[i].Table
	z, err := gzip.NewReader(content)
	if err != nil {
		return fmt.Errorf("unpack rows of %s: %w", name, err)
	}
	var rows [][]any
	for dec := json.NewDecoder(z); ; {
		var raw []json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read rows of %s: %w", name, err)
		}
		row, err := t.Parse(raw)
		if err != nil {
			return fmt.Errorf("read rows of %s: %w", name, err)
		}
		rows = append(rows, row)
	}
	return l.Add(ctx, t, rows)
}

// counted compares the numbers of rows with the manifest.
func (r *restore) counted(ctx context.Context, l *store.Loading) error {
	for _, t := range r.about.Tables {
		n, err := l.Count(ctx, t.Table)
		if err != nil {
			return err
		}
		if n != t.Rows {
			return fmt.Errorf("table %s has %d rows after the restore, the backup has %d", t.Name, n, t.Rows)
		}
	}
	return nil
}

// savedConfig is the name of the config file of then. It gets no name under which a server
// would find it: what it says about addresses and folders is of another time and place.
const savedConfig = "sekimori.toml.saved"

func (r *restore) putConfig(dir string, content io.Reader) error {
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	r.r.Config = filepath.Join(dir, savedConfig)
	return writeNew(r.r.Config, string(text))
}

func (r *restore) putKeys(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make keys folder: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.keyFiles)) {
		if name != filepath.Base(name) {
			return fmt.Errorf("%w: key %q", archive.ErrDamaged, name)
		}
		if err := writeNew(filepath.Join(dir, name), string(r.keyFiles[name])); err != nil {
			return err
		}
	}
	return syncFolder(dir)
}

// compare looks at what was restored as its server will see it.
func (r *restore) compare(ctx context.Context, cfg Config, dsn string) (err error) {
	keys, err := loadKeys(ctx, filepath.Join(cfg.Data, "keys"))
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, dsn, store.Options{}) // brings the tables up to date
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := r.compareRecord(ctx, db, keys); err != nil {
		return err
	}
	files, err := blob.OpenFiles(filepath.Join(cfg.Data, "evidence"), keys.evidence, wallOf(ctx)())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	if err := r.compareFiles(ctx, db, files); err != nil {
		return err
	}
	return db.Loaded(ctx)
}

func (r *restore) compareRecord(ctx context.Context, db *store.DB, keys *keys) error {
	var kept []journal.Checkpoint
	if r.about.Checkpoint != "" {
		cp, err := journal.ParseCheckpoint([]byte(r.about.Checkpoint), keys.journal)
		if err != nil {
			return fmt.Errorf("read the backup's checkpoint: %w", err)
		}
		kept = append(kept, cp)
	}
	found, err := journal.VerifyStore(ctx, db.Record(), keys.origin, keys.journal, kept)
	if err != nil {
		return fmt.Errorf("verify the restored record: %w", err)
	}
	if !found.Intact || found.Size != r.r.Size {
		return fmt.Errorf("the restored record is not that of the backup: %d entries under its checkpoint, want %d (%+v)", found.Size, r.r.Size, found.FirstBad)
	}
	r.r.Unsealed, _, err = db.Record().Unsealed(ctx)
	return err
}

// compareFiles opens every file that a row names and compares its bytes with the row.
func (r *restore) compareFiles(ctx context.Context, db *store.DB, files *blob.Files) error {
	named, err := filesOf(ctx, db)
	if err != nil {
		return err
	}
	for name, want := range named {
		if slices.Contains(r.about.Missing, name) || slices.Contains(r.about.Erased, name) {
			continue
		}
		in, err := files.Open(ctx, name)
		if err != nil {
			return fmt.Errorf("open a restored file: %w", err)
		}
		sum := sha256.New()
		n, err := io.Copy(sum, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("read the restored file %s: %w", name, err)
		}
		if n != want.Size || !bytes.Equal(sum.Sum(nil), want.SHA256) {
			return fmt.Errorf("the restored file %s is not the one that its row names", name)
		}
	}
	return nil
}

// wholeDatabase refuses a database that a restore has left unfinished.
func (h *house) wholeDatabase(ctx context.Context) error {
	unfinished, err := h.db.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("look whether the database is whole: %w", err)
	}
	if unfinished {
		return fault.New(fault.Conflict, "operator.unfinished", nil)
	}
	return nil
}
