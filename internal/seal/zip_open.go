package seal

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// compare opens the ZIP file with the standard library's reader, which knows nothing of how
// it was written.
func (z *zipForm) compare(ctx context.Context, out *os.File, in []*source, tick ticker) error {
	members, err := openZip(out, z.password)
	if err != nil {
		return fmt.Errorf("open what was sealed: %w", err)
	}
	// The HMACs are computed beside the comparison. Both must be done, and right.
	authentic := make(chan error, 1)
	go func() {
		var err error
		for _, m := range members {
			if err == nil {
				err = m.authentic(ctx)
			}
		}
		authentic <- err
	}()
	if z.showNames {
		err = compareMembers(in, members, tick)
	} else {
		err = compareHidden(in, members, tick)
	}
	if macErr := <-authentic; macErr != nil {
		return errors.Join(fmt.Errorf("open what was sealed: %w", macErr), err)
	}
	return err
}

// openedMember is a member of a ZIP file that is being opened.
type openedMember struct {
	*aeMember
	name   string
	method uint16
	plain  int64 // what the list says of the size before compression
}

// openZip takes only files whose every member is encrypted with AES-256.
func openZip(out *os.File, password string) ([]*openedMember, error) {
	st, err := out.Stat()
	if err != nil {
		return nil, err
	}
	r, err := zip.NewReader(out, st.Size())
	if err != nil {
		return nil, err
	}
	var members []*openedMember
	for _, f := range r.File {
		strength, method, ok := aeField(f.Extra)
		if !ok || f.Method != aeMethod || f.Flags&flagEncrypted == 0 || strength != aeAES256 || f.NonUTF8 {
			return nil, fmt.Errorf("%q is not encrypted with AES-256", f.Name)
		}
		at, err := f.DataOffset()
		if err != nil {
			return nil, err
		}
		m, err := openAE(io.NewSectionReader(out, at, int64(f.CompressedSize64)), password)
		if err != nil {
			return nil, err
		}
		members = append(members, &openedMember{aeMember: m, name: f.Name, method: method, plain: int64(f.UncompressedSize64)})
	}
	return members, nil
}

func (m *openedMember) open() io.ReadCloser {
	r := io.NewSectionReader(m, 0, m.size)
	if m.method == zip.Deflate {
		return flate.NewReader(r)
	}
	return io.NopCloser(r)
}

func compareMembers(in []*source, members []*openedMember, tick ticker) error {
	if len(in) != len(members) {
		return fmt.Errorf("%d members for %d files", len(members), len(in))
	}
	for i, s := range in {
		m := members[i]
		if m.name != s.name || m.plain != s.size() {
			return differs(s)
		}
		if err := compareOne(s, m.open(), tick); err != nil {
			return err
		}
	}
	return nil
}

func compareOne(s *source, opened io.ReadCloser, tick ticker) error {
	return errors.Join(s.compare(opened, tick), opened.Close())
}

func compareHidden(in []*source, members []*openedMember, tick ticker) error {
	if len(members) != 1 || members[0].name != innerName {
		return errors.New("more than the one member can be seen")
	}
	return compareInner(members[0], members[0].size, in, tick)
}

// compareInner opens the plain ZIP file within.
func compareInner(inner io.ReaderAt, size int64, in []*source, tick ticker) error {
	r, err := zip.NewReader(inner, size)
	if err != nil {
		return fmt.Errorf("open what was sealed: %w", err)
	}
	if len(r.File) != len(in) {
		return fmt.Errorf("%d members for %d files", len(r.File), len(in))
	}
	for i, s := range in {
		f := r.File[i]
		if f.Name != s.name || f.NonUTF8 {
			return differs(s)
		}
		opened, err := f.Open()
		if err != nil {
			return errors.Join(differs(s), err)
		}
		if err := compareOne(s, opened, tick); err != nil {
			return err
		}
	}
	return nil
}
