package seal

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"sekimori/internal/kit/fault"
)

// pdfForm seals PDF files with AES-256 in the form of ISO 32000-2 (revision 6 of the
// standard security handler), which Acrobat X and later and today's browsers open.
type pdfForm struct{ password string }

// pdfMost, in bytes: a PDF file is held in memory, several times over.
const pdfMost = 256 << 20

func (p *pdfForm) method() Method {
	return Method{Format: PDF, Algorithm: "AES-256-CBC (PDF 2.0, V5 R6)", KeyDerivation: "ISO 32000-2 algorithm 2.B (SHA-256, SHA-384, SHA-512)", Iterations: pdfRounds, Integrity: "none"}
}

// pdfRounds is the least number that algorithm 2.B goes through; chance adds a few.
const pdfRounds = 64

// settings are given whole: the library's own defaults are read from a folder of the person.
func (p *pdfForm) settings(cmd model.CommandMode, password string) *model.Configuration {
	return &model.Configuration{Cmd: cmd, Reader15: true, ValidationMode: model.ValidationRelaxed, Eol: types.EolLF, Offline: true,
		WriteObjectStream: true, WriteXRefStream: true, EncryptUsingAES: true, EncryptKeyLength: 256, Permissions: model.PermissionsAll,
		UserPW: password, OwnerPW: password, Limits: model.DefaultResourceLimits(), UnsupportedResourcePolicy: model.UnsupportedResourceSkip,
		TimestampFormat: "2006-01-02 15:04", DateFormat: "2006-01-02"}
}

func (p *pdfForm) fits(s *source) error {
	if s.size() > pdfMost {
		return fault.New(fault.TooLarge, "seal.too_large", fault.Args{"name": shown(s.path)})
	}
	if !strings.EqualFold(suffix(s.name), ".pdf") {
		return fault.New(fault.Invalid, "seal.not_this_format", fault.Args{"name": shown(s.path)})
	}
	return nil
}

func suffix(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return ""
}

// read takes an original apart.
func (p *pdfForm) read(s *source) (_ *model.Context, err error) {
	file, err := s.open()
	if err != nil {
		return nil, err
	}
	defer file.Close() // was only read
	not := func(why error) error {
		return errors.Join(fault.New(fault.Invalid, "seal.not_this_format", fault.Args{"name": shown(s.path)}), why)
	}
	c, err := readPDF(file, p.settings(model.LISTINFO, ""))
	switch {
	case errors.Is(err, pdfcpu.ErrWrongPassword):
		return nil, fault.New(fault.Conflict, "seal.already", fault.Args{"name": shown(s.path)})
	case err != nil:
		return nil, not(err)
	case c.E != nil:
		return nil, fault.New(fault.Conflict, "seal.already", fault.Args{"name": shown(s.path)})
	case c.SignatureExist || len(c.Signatures) > 0 || signed(c):
		return nil, fault.New(fault.Conflict, "seal.signed", fault.Args{"name": shown(s.path)})
	}
	return c, nil
}

// readPDF reads and validates; a file that makes the library panic is one it cannot read.
func readPDF(in io.ReadSeeker, conf *model.Configuration) (c *model.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("read PDF: %v", r)
		}
	}()
	return api.ReadAndValidate(in, conf)
}

// signed looks for what a signature cannot be without. Writing the file anew would break it.
func signed(c *model.Context) bool {
	for _, e := range c.Table {
		if d, ok := e.Object.(types.Dict); ok {
			if _, ok := d.Find("ByteRange"); ok {
				return true
			}
		}
	}
	return false
}

func (p *pdfForm) write(ctx context.Context, out *os.File, in []*source, tick ticker) (err error) {
	s := in[0]
	c, err := p.read(s)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write %s: %v", shown(s.path), r)
		}
	}()
	// Only for a file that calls itself 2.0 does the library write revision 6; for others
	// it would be revision 5, which tries passwords fast.
	v := model.V20
	c.HeaderVersion, c.RootVersion = &v, nil
	c.Configuration = p.settings(model.ENCRYPT, p.password)
	c.XRefTable.Conf = c.Configuration
	c.Cmd, c.UserPW, c.OwnerPW = model.ENCRYPT, p.password, p.password
	if root, err := c.Catalog(); err == nil {
		root.Delete("Version")
	}
	buffered := bufio.NewWriter(struct{ io.Writer }{out})
	if err := api.WriteContext(c, buffered); err != nil {
		return fmt.Errorf("write %s: %w", shown(s.path), err)
	}
	if err := tick(s, int(s.size())); err != nil {
		return err
	}
	return buffered.Flush()
}

// compare opens the written file with the password. A PDF file is not the same byte for
// byte: what must be the same is everything that can be reached from its catalogue, every
// text, number and stream, and what leads to what.
func (p *pdfForm) compare(ctx context.Context, out *os.File, in []*source, tick ticker) error {
	s := in[0]
	want, err := p.read(s)
	if err != nil {
		return err
	}
	opened, err := readPDF(out, p.settings(model.LISTINFO, p.password))
	if err != nil {
		return fmt.Errorf("open what was sealed: %w", err)
	}
	if opened.E == nil || opened.E.R != 6 || !opened.AES4Streams || !opened.AES4Strings {
		return errors.New("open what was sealed: it is not encrypted as it should be")
	}
	a, err := printOf(want)
	if err != nil {
		return err
	}
	b, err := printOf(opened)
	if err != nil {
		return err
	}
	if want.PageCount != opened.PageCount || a != b {
		return differs(s)
	}
	sum := sha256.New()
	if err := s.copyTo(ctx, sum, tick); err != nil {
		return err
	}
	s.sum = sum.Sum(nil)
	return nil
}

// printOf is a sum over all that can be reached from the catalogue. Objects are numbered in
// the order in which they are met, for their own numbers may change.
func printOf(c *model.Context) ([sha256.Size]byte, error) {
	p := pdfPrint{c: c, seen: map[int]int{}, sum: sha256.New()}
	root, err := c.Catalog()
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("read PDF: %w", err)
	}
	p.add(root)
	for len(p.next) > 0 { // not by recursion: outlines and page lists are long chains
		o := p.next[0]
		p.next = p.next[1:]
		p.add(o)
	}
	return [sha256.Size]byte(p.sum.Sum(nil)), p.err
}

type pdfPrint struct {
	c    *model.Context
	seen map[int]int
	next []types.Object
	sum  hash.Hash
	err  error
}

func (p *pdfPrint) say(kind string, v any) { fmt.Fprintf(p.sum, "%s %v\n", kind, v) }

func (p *pdfPrint) add(o types.Object) {
	switch o := o.(type) {
	case types.IndirectRef:
		p.reference(o)
	case types.Dict:
		p.dict(o)
	case types.StreamDict:
		p.dict(o.Dict)
		p.say("stream", sha256.Sum256(o.Raw))
	case types.Array:
		p.say("array", len(o))
		for _, v := range o {
			p.add(v)
		}
	case types.StringLiteral:
		b, err := types.Unescape(o.Value())
		p.err = errors.Join(p.err, err)
		p.say("text", b)
	case types.HexLiteral:
		b, err := o.Bytes()
		p.err = errors.Join(p.err, err)
		p.say("text", b)
	case nil:
		p.say("nothing", "")
	default:
		p.say(fmt.Sprintf("%T", o), o)
	}
}

func (p *pdfPrint) reference(r types.IndirectRef) {
	n := r.ObjectNumber.Value()
	if _, met := p.seen[n]; !met {
		e, ok := p.c.Table[n]
		if !ok || e.Free || e.Object == nil {
			p.say("nothing", "")
			return
		}
		p.seen[n] = len(p.seen)
		p.next = append(p.next, e.Object)
	}
	p.say("object", p.seen[n])
}

// dict leaves out what says nothing of the contents: how long the encrypted bytes are, and
// the version, which was raised.
func (p *pdfPrint) dict(d types.Dict) {
	keys := make([]string, 0, len(d))
	for k := range d {
		if k != "Length" && k != "Version" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		p.say("key", k)
		p.add(d[k])
	}
	p.say("end", len(keys))
}
