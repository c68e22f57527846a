// Package seal protects files that leave the building in a form that their receiver can
// open: a ZIP file or an age file that holds them all, or one PDF or Office file for each.
//
// Nothing gets its final name before it was opened again the way a receiver would and every
// byte in it was compared with the original. Originals are never written to; they are
// deleted by DeleteOriginals alone. Plain text is never written to a disk.
package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sekimori/internal/kit/fault"
)

// Format is a form in which files are sealed.
type Format string

// The forms. docs/seal.md tells what opens each of them.
const (
	Zip    Format = "zip"    // one ZIP file, AES-256 as WinZip and 7-Zip write it
	PDF    Format = "pdf"    // each PDF file for itself, ISO 32000-2 (AES-256, revision 6)
	Office Format = "office" // each docx, xlsx, pptx for itself, ECMA-376 Agile Encryption (AES-256)
	Age    Format = "age"    // one age file with a ZIP file in it
)

// Formats lists the forms, the most usual one first.
func Formats() []Format { return []Format{Zip, PDF, Office, Age} }

// Job is what is to be sealed, and how.
type Job struct {
	Format     Format
	Paths      []string // files and folders
	Out        string   // the file to make, or for PDF and Office a folder; empty: beside the first original
	Password   string   // ASCII; empty only with recipients
	Recipients []string // public keys, for Age in the place of a password
	ShowNames  bool     // Zip: file names can be read without the password
	Compress   bool     // Zip and Age
	Progress   func(Progress)
}

// Progress is how far a job is. Every byte counts twice: written, and compared.
type Progress struct {
	Comparing    bool // false while the output is written
	Bytes, Total int64
	File         string
}

// File is one original as it was sealed.
type File struct {
	Name   string `json:"name"` // in the output, with slashes
	Path   string `json:"path"` // where it is
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
}

// Output is one sealed file.
type Output struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
	Files  []File `json:"files"`
}

// Method is what protects an output, for the one who has to judge whether that is enough.
type Method struct {
	Format        Format `json:"format"`
	Algorithm     string `json:"algorithm"`
	KeyDerivation string `json:"key_derivation"`
	Iterations    int    `json:"iterations,omitempty"` // of the key derivation; 0 where it has none
	Integrity     string `json:"integrity"`            // how a changed file is noticed
	NamesHidden   bool   `json:"names_hidden"`
}

// Manifest is what was made: it is what a request records of a take-out.
type Manifest struct {
	Method  Method   `json:"method"`
	Outputs []Output `json:"outputs"`

	sources []*source
	folders []string
}

// Files counts the originals.
func (m *Manifest) Files() int { return len(m.sources) }

// Bytes is the size of all originals.
func (m *Manifest) Bytes() int64 { return sizeOf(m.sources) }

// form is one way to seal. write fills out with the sources; open gives each of them back
// from what was written, in the same order, and says when the output was tampered with.
type form interface {
	method() Method
	// fits refuses a source that the form cannot hold.
	fits(*source) error
	write(ctx context.Context, out *os.File, in []*source, tick ticker) error
	// compare opens the output and holds it against the sources; it fills their sums.
	compare(ctx context.Context, out *os.File, in []*source, tick ticker) error
}

// ticker is told of n more bytes of a source, and gives the reason to stop.
type ticker func(s *source, n int) error

// Seal does a job. On any error nothing is left behind, and nothing that was there before
// has changed. Errors for people are faults: "seal.nothing", "seal.not_a_file",
// "seal.name_not_utf8", "seal.same_name", "seal.unreadable", "seal.changed",
// "seal.differs", "seal.exists", "seal.not_this_format", "seal.already",
// "seal.signed", "seal.too_large", "seal.password", "seal.recipient",
// "seal.password_or_recipient", "seal.disk_full".
func Seal(ctx context.Context, job Job) (_ *Manifest, err error) {
	f, err := job.form()
	if err != nil {
		return nil, err
	}
	found, err := gather(ctx, job.Paths)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.close()) }()
	for _, s := range found.sources {
		if err := f.fits(s); err != nil {
			return nil, err
		}
	}
	plan, err := job.plan(found.sources)
	if err != nil {
		return nil, err
	}
	w := work{form: f, total: 2 * sizeOf(found.sources), tell: job.Progress}
	if err := w.all(ctx, plan); err != nil {
		return nil, roomOr(err)
	}
	m := &Manifest{Method: f.method(), sources: found.sources, folders: found.folders}
	for _, o := range plan {
		m.Outputs = append(m.Outputs, o.made)
	}
	return m, nil
}

// form checks the parts of a job that concern its form.
func (job *Job) form() (form, error) {
	if len(job.Recipients) > 0 && (job.Format != Age || job.Password != "") {
		return nil, fault.New(fault.Invalid, "seal.password_or_recipient", nil)
	}
	if len(job.Recipients) == 0 {
		if err := CheckPassword(job.Password); err != nil {
			return nil, err
		}
	}
	switch job.Format {
	case Zip:
		return &zipForm{password: job.Password, showNames: job.ShowNames, compress: job.Compress}, nil
	case PDF:
		return &pdfForm{password: job.Password}, nil
	case Office:
		return &officeForm{password: job.Password}, nil
	case Age:
		return newAgeForm(job.Password, job.Recipients, job.Compress)
	}
	return nil, fault.New(fault.Invalid, "seal.unknown_format", fault.Args{"value": string(job.Format)})
}

// plan says which originals go into which output.
func (job *Job) plan(in []*source) ([]*output, error) {
	if job.Format == Zip || job.Format == Age {
		to := job.Out
		if to == "" {
			to = filepath.Clean(job.Paths[0])
			if len(job.Paths) > 1 {
				to = filepath.Join(filepath.Dir(to), "sealed")
			}
			to += map[Format]string{Zip: "-sealed.zip", Age: ".zip.age"}[job.Format]
		}
		return []*output{{to: to, in: in}}, nil
	}
	var plan []*output
	taken := map[string]bool{}
	for _, s := range in {
		base := filepath.Base(s.path)
		to := filepath.Join(job.Out, base)
		if job.Out == "" {
			ext := filepath.Ext(base)
			to = filepath.Join(filepath.Dir(s.path), base[:len(base)-len(ext)]+"-sealed"+ext)
		}
		if taken[to] {
			return nil, fault.New(fault.Conflict, "seal.same_name", fault.Args{"name": base})
		}
		taken[to] = true
		plan = append(plan, &output{to: to, in: []*source{s}})
	}
	return plan, nil
}

// output is one file to make.
type output struct {
	to   string
	in   []*source
	made Output
}

// work is a job under way.
type work struct {
	form        form
	total, done int64
	comparing   bool
	tell        func(Progress)
}

// all makes every output and then names them; when one fails, none is left.
func (w *work) all(ctx context.Context, plan []*output) (err error) {
	var places []*place
	defer func() {
		for _, p := range places {
			err = errors.Join(err, p.end(err == nil))
		}
	}()
	for _, o := range plan {
		p, err := newPlace(o.to)
		if err != nil {
			return err
		}
		places = append(places, p)
		if err := w.one(ctx, o, p); err != nil {
			return err
		}
	}
	for _, o := range plan { // a change after the comparison would be lost with the original
		for _, s := range o.in {
			if err := s.unchanged(); err != nil {
				return err
			}
		}
	}
	for _, p := range places {
		if err := p.name(); err != nil {
			return err
		}
	}
	return nil
}

// one writes an output to the disk and compares it.
func (w *work) one(ctx context.Context, o *output, p *place) error {
	tick := func(s *source, n int) error {
		w.done += int64(n)
		if w.tell != nil {
			w.tell(Progress{Comparing: w.comparing, Bytes: w.done, Total: w.total, File: s.name})
		}
		return ctx.Err()
	}
	w.comparing = false
	if err := w.form.write(ctx, p.file, o.in, tick); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", o.to, err)
	}
	w.comparing = true
	sum := make(chan error, 1)
	go func() {
		var err error
		o.made, err = p.sum(ctx)
		sum <- err
	}()
	err := w.form.compare(ctx, p.file, o.in, tick)
	if err = errors.Join(<-sum, err); err != nil {
		return err
	}
	for _, s := range o.in {
		o.made.Files = append(o.made.Files, File{Name: s.name, Path: s.path, Size: s.size(), SHA256: hex.EncodeToString(s.sum)})
	}
	return nil
}

// sum reads the written file from its beginning to its end.
func (p *place) sum(ctx context.Context) (Output, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(h, struct{ io.Reader }{within(ctx, io.NewSectionReader(p.file, 0, 1<<62))}, make([]byte, blockSize))
	if err != nil {
		return Output{}, fmt.Errorf("read %s: %w", p.to, err)
	}
	return Output{Path: p.to, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// differs says that what was opened again is not the original.
func differs(s *source) error {
	return fault.New(fault.Conflict, "seal.differs", fault.Args{"name": shown(s.path)})
}
