package read

import (
	"archive/zip"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// encryptedFlag is bit 0 of a member's flags (APPNOTE 4.4.4).
const encryptedFlag = 1

// readZip reads a ZIP, or the kind of document that it is made into.
func readZip(b box, in input) error {
	z, err := zip.NewReader(in.at, in.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is unpacked to a path
		return err
	}
	if len(z.File) > b.job.limits.Parts {
		return because(TooManyParts)
	}
	files := map[string]*zip.File{}
	for _, f := range z.File {
		if _, twice := files[f.Name]; !twice {
			files[f.Name] = f
		}
	}
	pkg := zipPackage{box: b, files: files, list: z.File}
	switch {
	case files["mimetype"] != nil && files["content.xml"] != nil:
		b.is(ODF)
		return readODF(pkg)
	case files["[Content_Types].xml"] != nil && pkg.any("xl/", "word/", "ppt/", "visio/"):
		for kind, folder := range map[Kind]string{DOCX: "word/", XLSX: "xl/", PPTX: "ppt/"} {
			if pkg.any(folder) {
				b.is(kind)
			}
		}
		return readOffice(pkg)
	}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := readZipMember(b, zipName(f), f); err != nil {
			return err
		}
	}
	return nil
}

func readZipMember(b box, name string, f *zip.File) error {
	if f.Flags&encryptedFlag != 0 {
		b.unread(name, "", Encrypted)
		return nil
	}
	r, err := f.Open()
	if err != nil {
		if errors.Is(err, zip.ErrAlgorithm) {
			b.unread(name, "", Unsupported)
			return nil
		}
		b.unread(name, "", Damaged)
		return nil
	}
	defer func() { _ = r.Close() }()
	return b.member(name, input{r: &meter{b.job, r}})
}

// zipName gives a member's name. Without the flag for UTF-8 it is in the code page of the PC that made it, which in
// Japan is 932.
func zipName(f *zip.File) string {
	if !f.NonUTF8 || utf8.ValidString(f.Name) {
		return f.Name
	}
	if name, err := japanese.ShiftJIS.NewDecoder().String(f.Name); err == nil {
		return name
	}
	return f.Name
}

// zipPackage is a document that is a ZIP inside.
type zipPackage struct {
	box
	files map[string]*zip.File
	list  []*zip.File
}

// any reports whether a member lies in one of the folders.
func (p zipPackage) any(folders ...string) bool {
	for name := range p.files {
		for _, f := range folders {
			if strings.HasPrefix(name, f) {
				return true
			}
		}
	}
	return false
}

// with opens a member and reads it as XML. A damaged member is named, and the others are read on.
func (p zipPackage) with(name string, read func(*xmlScanner) error) error {
	f := p.files[name]
	if f == nil {
		return nil
	}
	err := p.guard(func() error {
		if f.Flags&encryptedFlag != 0 {
			return because(Encrypted)
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		return read(newXML(&meter{p.job, r}))
	})
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	if ends(err) {
		return err
	}
	p.unread(name, "", reasonOf(err))
	return nil
}

// guard turns a panic of one member's reader into that member's damage.
func (p zipPackage) guard(read func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = damaged("panic: %v", v)
		}
	}()
	return read()
}

// match lists the members that a pattern of package path fits, in the order in which they lie.
func (p zipPackage) match(pattern string) []string {
	var names []string
	for _, f := range p.list {
		if ok, err := path.Match(pattern, f.Name); ok && err == nil && p.files[f.Name] == f {
			names = append(names, f.Name)
		}
	}
	return names
}
