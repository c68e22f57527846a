package read

import (
	"archive/tar"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/bodgit/sevenzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// readPacked reads one compressed stream. What is inside is a member: a tar, or the file itself.
func readPacked(kind Kind, b box, r io.Reader) error {
	out, err := unpack(kind, r)
	if err != nil {
		return err
	}
	defer out.close()
	return b.member(unpackedName(b.name), input{r: &meter{b.job, out.r}})
}

type unpacked struct {
	r     io.Reader
	close func()
}

func unpack(kind Kind, r io.Reader) (unpacked, error) {
	nothing := func() {}
	switch kind {
	case Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return unpacked{}, err
		}
		return unpacked{z, nothing}, nil
	case Bzip2:
		return unpacked{bzip2.NewReader(r), nothing}, nil
	case XZ:
		z, err := xz.NewReader(r)
		if err != nil {
			return unpacked{}, err
		}
		return unpacked{z, nothing}, nil
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
	if err != nil {
		return unpacked{}, err
	}
	return unpacked{zstdReader{z}, z.Close}, nil
}

// zstdReader names a window that would take more memory than allowed.
type zstdReader struct{ z *zstd.Decoder }

func (r zstdReader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = &refusal{why: TooLarge, err: err}
	}
	return n, err
}

// unpackedName takes the ending of the compression from a name.
func unpackedName(name string) string {
	ext := path.Ext(name)
	base := strings.TrimSuffix(path.Base(name), ext)
	if strings.EqualFold(ext, ".tgz") || strings.EqualFold(ext, ".tbz2") || strings.EqualFold(ext, ".txz") {
		return base + ".tar"
	}
	if base == "" || base == "." || base == "/" {
		return "content"
	}
	return base
}

// readTar reads the files of a tar; links and devices hold nothing.
func readTar(b box, r io.Reader) error {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // nothing is unpacked to a path
			return err
		}
		if n > b.job.limits.Parts {
			return &stopError{because(TooManyParts)}
		}
		if err := b.job.spend(512); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := b.member(h.Name, input{r: &meter{b.job, t}}); err != nil {
			return err
		}
	}
}

// readSevenZip reads the files of a 7z archive. With encrypted names not even the list can be read.
func readSevenZip(b box, in input) error {
	z, err := sevenzip.NewReader(in.at, in.size)
	if err != nil {
		return sevenZipError(err)
	}
	if len(z.File) > b.job.limits.Parts {
		return because(TooManyParts)
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() || f.UncompressedSize == 0 {
			continue
		}
		r, err := f.Open()
		if err != nil {
			if why := reasonOf(sevenZipError(err)); b.job.ctx.Err() == nil {
				b.unread(f.Name, "", why)
				continue
			}
			return b.job.ctx.Err()
		}
		err = b.member(f.Name, input{r: &sevenZipMember{&meter{b.job, r}}})
		_ = r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// sevenZipMember names encryption, which shows only when the bytes are asked for.
type sevenZipMember struct{ r io.Reader }

func (m *sevenZipMember) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		err = sevenZipError(err)
	}
	return n, err
}

func sevenZipError(err error) error {
	var read *sevenzip.ReadError
	if errors.As(err, &read) && read.Encrypted {
		return &refusal{why: Encrypted, err: err}
	}
	if strings.Contains(err.Error(), "unsupported compression") || strings.Contains(err.Error(), "unknown compression") {
		return &refusal{why: Unsupported, err: err}
	}
	return err
}
