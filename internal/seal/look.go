package seal

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"regexp"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
)

// Found is what can be seen of a file's protection without its password.
type Found struct {
	Format Format // empty: none of ours
	Sealed bool   // as strongly as we would have
	Weak   bool   // protected in a way that can be broken: ZipCrypto, RC4, AES-128, short key derivations
}

// Look tells how a file is protected, so that nobody is believed who calls a file sealed.
// It believes nothing in the file; what it cannot read is not sealed. An error is one of in.
func Look(in io.ReaderAt, size int64) (Found, error) {
	head := make([]byte, 512)
	n, err := in.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return Found{}, err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("age-encryption.org/v1\n")), bytes.HasPrefix(head, []byte("-----BEGIN AGE ENCRYPTED FILE-----")):
		return Found{Format: Age, Sealed: true}, nil
	case bytes.HasPrefix(head, cfbSignature):
		return lookCFB(in, size)
	case bytes.Contains(head, []byte("%PDF-")):
		return lookPDF(in, size)
	}
	return lookZip(in, size), nil
}

// lookZip wants every member to be encrypted with AES-256: one that is not would leave with
// the others.
func lookZip(in io.ReaderAt, size int64) Found {
	r, err := zip.NewReader(in, size)
	if err != nil || len(r.File) == 0 {
		return Found{}
	}
	var strong, weak, folders int
	for _, f := range r.File {
		strength, _, aes := aeField(f.Extra)
		switch {
		case f.Flags&flagEncrypted != 0 && f.Method == aeMethod && aes && strength == aeAES256:
			strong++
		case f.Flags&flagEncrypted != 0:
			weak++
		case f.Mode().IsDir():
			folders++ // hold nothing
		}
	}
	return Found{Format: Zip, Sealed: strong > 0 && strong+folders == len(r.File), Weak: weak > 0}
}

func lookCFB(in io.ReaderAt, size int64) (Found, error) {
	c, err := openCFB(in, size)
	if err != nil {
		return Found{}, nil // not one that can be read
	}
	if _, ok := c.entries["EncryptedPackage"]; !ok {
		return Found{}, nil
	}
	f := Found{Format: Office, Weak: true}
	if info, err := c.small("EncryptionInfo"); err == nil {
		_, err := readAgile(info)
		f.Sealed, f.Weak = err == nil, err != nil
	}
	return f, nil
}

// lookPDF wants a file that does not open without a password, and in it nothing but the
// newest revision. The encryption dictionary itself is never encrypted or packed.
func lookPDF(in io.ReaderAt, size int64) (Found, error) {
	f := Found{Format: PDF}
	if size > pdfMost {
		return f, nil
	}
	all := make([]byte, size)
	if _, err := in.ReadAt(all, 0); err != nil && err != io.EOF {
		return Found{}, err
	}
	c, err := readPDF(bytes.NewReader(all), (&pdfForm{}).settings(model.LISTINFO, ""))
	switch {
	case err == nil:
		f.Weak = c.E != nil // whoever has it reads it
		return f, nil
	case !errors.Is(err, pdfcpu.ErrWrongPassword):
		return Found{}, nil
	}
	f.Weak = true
	for _, m := range regexp.MustCompile(`/R\s+(\d+)\b`).FindAllSubmatch(all, -1) {
		if f.Weak = string(m[1]) != "6"; f.Weak {
			break
		}
	}
	f.Sealed = !f.Weak
	return f, nil
}
