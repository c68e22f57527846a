package app

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"filippo.io/age"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/archive"
	"sekimori/internal/outbound/blob"
	"sekimori/internal/outbound/store"
)

// BackupOptions say what goes into a backup and where it goes.
type BackupOptions struct {
	To         string   // a file that must not exist yet, or a folder in which it gets a name
	Keep       int      // with a folder: how many of its backups stay; 0 keeps all
	Config     string   // the config file, which goes along; may be ""
	Keys       bool     // put the keys folder in; only into an encrypted backup
	Recipients []string // age public keys that can open it
	Passphrase string   // file that holds a passphrase that can open it; may be ""
}

// BackupReport is what a backup holds.
type BackupReport struct {
	File       string    `json:"file"`
	Bytes      int64     `json:"bytes"` // of the file
	Made       time.Time `json:"made"`
	Tables     int       `json:"tables"`
	Rows       int64     `json:"rows"`
	Files      int       `json:"files"` // of evidence and photos
	Keys       bool      `json:"keys"`
	Encrypted  bool      `json:"encrypted"`
	Size       int64     `json:"journal_size"` // entries under the newest checkpoint that is in it
	Root       string    `json:"journal_root"`
	Unsealed   int       `json:"unsealed"`          // events behind that checkpoint, also in it
	Missing    []string  `json:"missing,omitempty"` // files that rows name and the disk has lost
	DroppedOld []string  `json:"dropped,omitempty"` // older backups that were deleted
}

// backupAbout is what the manifest says of a backup's contents.
type backupAbout struct {
	Program    string        `json:"program"`
	Made       time.Time     `json:"made"`
	Schema     int64         `json:"schema"` // version of the tables
	Origin     string        `json:"origin"`
	Key        string        `json:"journal_key"`
	Checkpoint string        `json:"checkpoint,omitempty"` // the newest signed one
	Tables     []backupTable `json:"tables"`
	Missing    []string      `json:"missing,omitempty"`
	Erased     []string      `json:"erased,omitempty"` // files that were erased while the backup was made
	Keys       bool          `json:"keys"`
}

type backupTable struct {
	store.Table
	Rows  int64 `json:"rows"`
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes,omitempty"` // of the rows before compression; backups of older programs do not say
}

// The members of a backup.
const (
	tableFolder    = "tables/"
	evidenceFolder = "evidence/"
	keyFolder      = "keys/"
	configMember   = "sekimori.toml"
)

// partSize bounds, in bytes before compression, how much of a table is held in memory: a part
// ends with the row that reaches it. No row is as long as what is between it and maxPart.
const (
	partSize = 4 << 20
	maxPart  = 256 << 20
)

// Backup writes the whole of a server into one file: beside a running server, as it was
// at one moment. The file gets its name when it is whole and on the disk.
func Backup(ctx context.Context, cfg Config, o BackupOptions) (_ BackupReport, err error) {
	to, err := o.recipients()
	if err != nil {
		return BackupReport{}, err
	}
	if o.Keys && len(to) == 0 {
		return BackupReport{}, fault.New(fault.Invalid, "operator.keys_in_the_open", nil)
	}
	if err := sameTables(ctx, cfg); err != nil {
		return BackupReport{}, err
	}
	h, err := open(ctx, cfg, slog.New(slog.DiscardHandler), access.Cost{})
	if err != nil {
		return BackupReport{}, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	b := &backup{h: h, o: o, files: map[string]bool{}}
	b.about = backupAbout{Program: Version, Made: h.now(), Origin: h.keys.origin, Key: h.keys.journal.String(), Keys: o.Keys}
	if _, b.about.Schema, err = cfg.schema(ctx); err != nil {
		return BackupReport{}, err
	}
	b.r = BackupReport{Made: b.about.Made, Keys: o.Keys, Encrypted: len(to) > 0}
	file, err := o.file(b.about.Made)
	if err != nil {
		return BackupReport{}, err
	}
	if err := b.write(ctx, file, to); err != nil {
		return BackupReport{}, fullOr(err)
	}
	if err := b.record(ctx); err != nil {
		return BackupReport{}, fmt.Errorf("record the backup: %w", err)
	}
	if file != o.To { // a folder of its own
		if b.r.DroppedOld, err = tidy(filepath.Dir(file), o.Keep, b.about.Made); err != nil {
			return BackupReport{}, err
		}
	}
	return b.r, nil
}

// schema gives the version of the database's tables and the one of this program.
func (c *Config) schema(ctx context.Context) (has, wants int64, err error) {
	dsn, err := c.dsn()
	if err != nil {
		return 0, 0, err
	}
	return store.Version(ctx, dsn)
}

// sameTables refuses a database that an older or newer program serves: opening it would
// change its tables under that program.
func sameTables(ctx context.Context, cfg Config) error {
	has, wants, err := cfg.schema(ctx)
	if err != nil {
		return err
	}
	if has != wants {
		return fault.New(fault.Conflict, "operator.other_version", fault.Args{"has": fmt.Sprint(has), "wants": fmt.Sprint(wants)})
	}
	return nil
}

// recipients are those who can open the backup.
func (o BackupOptions) recipients() ([]age.Recipient, error) {
	var out []age.Recipient
	for _, r := range o.Recipients {
		got, err := age.ParseRecipients(strings.NewReader(r))
		if err != nil {
			return nil, fault.New(fault.Invalid, "operator.bad_recipient", fault.Args{"value": r})
		}
		out = append(out, got...)
	}
	if o.Passphrase == "" {
		return out, nil
	}
	if len(out) > 0 {
		return nil, fault.New(fault.Invalid, "operator.recipient_or_passphrase", nil)
	}
	text, err := passphrase(o.Passphrase)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(text)
	if err != nil {
		return nil, fmt.Errorf("take the passphrase: %w", err)
	}
	return []age.Recipient{r}, nil
}

// shortestPassphrase, in characters: who has the file can try without end.
const shortestPassphrase = 12

func passphrase(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	text := strings.TrimRight(string(b), "\r\n")
	if utf8.RuneCountInString(text) < shortestPassphrase {
		return "", fault.New(fault.Invalid, "operator.short_passphrase", fault.Args{"n": fmt.Sprint(shortestPassphrase)})
	}
	return text, nil
}

// The name of a backup in a folder: the time in it is UTC and sorts.
const (
	backupPrefix = "sekimori-"
	backupTime   = "20060102T150405Z"
	backupSuffix = ".backup"
	partMark     = ".part-" // in the name while it is written
)

// file is where the backup goes.
func (o BackupOptions) file(made time.Time) (string, error) {
	st, err := os.Stat(o.To)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o.To, nil
	case err != nil:
		return "", fmt.Errorf("look at the backup's place: %w", err)
	case !st.IsDir():
		return "", fault.New(fault.Conflict, "operator.file_exists", fault.Args{"name": o.To})
	}
	name := filepath.Join(o.To, backupPrefix+made.UTC().Format(backupTime)+backupSuffix)
	if _, err := os.Stat(name); err == nil {
		return "", fault.New(fault.Conflict, "operator.file_exists", fault.Args{"name": name})
	}
	return name, nil
}

// backup is one backup while it is made.
type backup struct {
	h     *house
	o     BackupOptions
	w     *archive.Writer
	about backupAbout
	r     BackupReport
	files map[string]bool // that rows name; true when the disk had it
}

// write makes the file, whole or not at all.
func (b *backup) write(ctx context.Context, name string, to []age.Recipient) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+partMark+"*")
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if b.w, err = archive.NewWriter(buffered, to); err == nil {
		err = b.fill(ctx)
	}
	if err == nil {
		err = b.w.Close(b.about, b.h.keys.signer)
	}
	if err == nil {
		err = cmp.Or(buffered.Flush(), f.Sync())
	}
	st, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return err
	}
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) { // made meanwhile
		return fault.New(fault.Conflict, "operator.file_exists", fault.Args{"name": name})
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("name the backup: %w", err)
	}
	b.r.File, b.r.Bytes = name, st.Size()
	return syncFolder(filepath.Dir(name))
}

// fill writes the members: database first, files second, so that no row names a file that
// was added later and is not there.
func (b *backup) fill(ctx context.Context) error {
	if err := b.h.db.Snapshot(ctx, func(s *store.Snapshot) error { return b.tables(ctx, s) }); err != nil {
		return err
	}
	if err := b.evidence(ctx); err != nil {
		return err
	}
	if b.o.Keys {
		if err := b.keys(); err != nil {
			return err
		}
	}
	if b.o.Config == "" {
		return nil
	}
	return b.addFile(configMember, b.o.Config)
}

func (b *backup) tables(ctx context.Context, s *store.Snapshot) error {
	tables, err := s.Tables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		out := backupTable{Table: t}
		if err := b.table(ctx, s, &out); err != nil {
			return err
		}
		b.about.Tables = append(b.about.Tables, out)
		b.r.Rows += out.Rows
	}
	b.r.Tables, b.r.Missing = len(tables), nil
	return nil
}

// table writes the rows of a table as JSON, an array a line, in parts of bounded size.
func (b *backup) table(ctx context.Context, s *store.Snapshot, t *backupTable) error {
	var part bytes.Buffer
	enc := json.NewEncoder(&part)
	enc.SetEscapeHTML(false)
	flush := func() error {
		if part.Len() == 0 {
			return nil
		}
		t.Parts++
		t.Bytes += int64(part.Len())
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(part.Bytes()); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		part.Reset()
		return b.w.Add(fmt.Sprintf("%s%s/%06d.jsonl.gz", tableFolder, t.Name, t.Parts), int64(packed.Len()), &packed)
	}
	err := s.Rows(ctx, t.Table, func(row []any) error {
		t.Rows++
		if f, ok := t.FileOf(row); ok {
			b.files[f.Blob] = false
		}
		if err := b.checkpoint(t.Table, row); err != nil {
			return err
		}
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("write a row of %s: %w", t.Name, err)
		}
		if part.Len() < partSize {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// checkpoint keeps the newest signed checkpoint of the rows, and counts unsealed events.
func (b *backup) checkpoint(t store.Table, row []any) error {
	switch t.Name {
	case "jrn_checkpoint":
		n, _ := t.Value(row, "note").([]byte)
		cp, err := journal.ParseCheckpoint(n, b.h.keys.journal)
		if err != nil {
			return fmt.Errorf("read the newest checkpoint: %w", err)
		}
		if cp.Size >= b.r.Size {
			b.r.Size, b.r.Root, b.about.Checkpoint = cp.Size, cp.Root.String(), string(n)
		}
	case "jrn_event":
		if t.Value(row, "seq") == nil {
			b.r.Unsealed++
		}
	}
	return nil
}

// evidence copies the files that the rows name, encrypted as they lie there.
func (b *backup) evidence(ctx context.Context) error {
	names := make([]string, 0, len(b.files))
	for name := range b.files {
		names = append(names, name)
	}
	slices.Sort(names)
	var gone []string
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		in, size, err := b.h.blobs.Sealed(name)
		if errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, name)
			continue
		}
		if err != nil {
			return err
		}
		err = b.w.Add(evidenceFolder+name, size, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
		b.r.Files++
	}
	if len(gone) == 0 {
		return nil
	}
	return b.explain(ctx, gone)
}

// explain tells files that were erased meanwhile from files that are lost.
func (b *backup) explain(ctx context.Context, gone []string) error {
	still, err := filesOf(ctx, b.h.db)
	if err != nil {
		return err
	}
	for _, name := range gone {
		if _, ok := still[name]; ok {
			b.about.Missing = append(b.about.Missing, name)
		} else {
			b.about.Erased = append(b.about.Erased, name)
		}
	}
	b.r.Missing = b.about.Missing
	return nil
}

// filesOf lists the files that rows of a database name.
func filesOf(ctx context.Context, db *store.DB) (map[string]store.File, error) {
	out := map[string]store.File{}
	err := db.Snapshot(ctx, func(s *store.Snapshot) error {
		tables, err := s.Tables(ctx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if !t.NamesFiles() {
				continue
			}
			err := s.Rows(ctx, t, func(row []any) error {
				if f, ok := t.FileOf(row); ok {
					out[f.Blob] = f
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (b *backup) keys() error {
	dir := filepath.Join(b.h.cfg.Data, "keys")
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read keys folder: %w", err)
	}
	for _, e := range found {
		if !e.Type().IsRegular() {
			continue
		}
		if err := b.addFile(keyFolder+e.Name(), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// addFile adds a small file of this machine.
func (b *backup) addFile(name, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return b.w.Add(name, int64(len(text)), bytes.NewReader(text))
}

// record says in the record that somebody took a copy of everything.
func (b *backup) record(ctx context.Context) error {
	ev, err := journal.NewEvent(b.h.now(), "backup.made", "", "system", map[string]any{"rows": b.r.Rows, "files": b.r.Files,
		"bytes": b.r.Bytes, "size": b.r.Size, "root": b.r.Root, "keys": b.r.Keys, "encrypted": b.r.Encrypted})
	if err != nil {
		return err
	}
	return b.h.db.RecordBackup(ctx, ev)
}

// brokenOff is how old the part of a backup must be that nobody writes any more.
const brokenOff = 24 * time.Hour

// tidy deletes the oldest backups of a folder until keep are left, if that is not 0, and
// what backups that were killed have left.
func tidy(dir string, keep int, now time.Time) (dropped []string, err error) {
	parts, err := filepath.Glob(filepath.Join(dir, "."+backupPrefix+"*"+backupSuffix+partMark+"*"))
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	for _, name := range parts {
		if st, err := os.Stat(name); err != nil || now.Sub(st.ModTime()) < brokenOff {
			continue // gone meanwhile, or still being written
		}
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("delete a broken-off backup: %w", err)
		}
	}
	all, err := filepath.Glob(filepath.Join(dir, backupPrefix+"*"+backupSuffix))
	if err != nil || keep == 0 {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(name string) bool {
		_, err := time.Parse(backupTime, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), backupPrefix), backupSuffix))
		return err != nil
	})
	slices.Sort(all)
	for _, name := range all[:max(0, len(all)-keep)] {
		if err := os.Remove(name); err != nil {
			return dropped, fmt.Errorf("delete an old backup: %w", err)
		}
		dropped = append(dropped, name)
	}
	return dropped, nil
}

// syncFolder forces a folder's names to disk, where the system knows that.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return errors.Join(fmt.Errorf("sync folder: %w", err), d.Close())
	}
	return d.Close()
}

// fullOr says in words that a disk has no room left, and leaves other errors as they are.
func fullOr(err error) error {
	if blob.IsFull(err) {
		return errors.Join(fault.New(fault.Unavailable, "operator.no_room", nil), err)
	}
	return err
}
