package asset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Bounds of photos and papers.
const (
	maxPhoto  = 10 << 20 // bytes of one
	maxPhotos = 50       // of one thing
)

// Upload is a file on its way in. Type is the media type that the edge found by looking
// at the bytes.
type Upload struct {
	Name string
	Type string
	Body io.Reader
}

// AddPhoto keeps a picture or a paper with a thing. The bytes are on disk before the row
// that names them.
func (s *Service) AddPhoto(ctx context.Context, by access.Actor, asset string, u Upload) (Photo, error) {
	a, _, err := s.seen(ctx, by, asset)
	if err != nil {
		return Photo{}, err
	}
	may := func(a *Asset) error { return mayHandle(by, a) }
	if err := may(a); err != nil {
		return Photo{}, err
	}
	var c fault.Check
	c.That(strings.HasPrefix(u.Type, "image/") && u.Type != "image/svg+xml" || u.Type == "application/pdf", "file", "fault.asset_photo_type", nil)
	if err := c.Err(); err != nil {
		return Photo{}, err
	}
	p := Photo{ID: id.New("pho", s.now()), Asset: a.ID, Name: fileName(u.Name), Type: u.Type, By: by.Person, At: s.now()}
	p.Blob = a.ID + "/" + p.ID
	d := &digest{r: u.Body, sum: sha256.New()}
	if err := s.p.Blobs.Put(ctx, p.Blob, d); err != nil {
		return Photo{}, fmt.Errorf("keep photo: %w", err)
	}
	p.Size = d.size
	d.sum.Sum(p.SHA256[:0])
	if p.Size == 0 {
		var c fault.Check
		c.Add("file", "fault.empty_file", nil)
		return Photo{}, errors.Join(c.Err(), s.p.Blobs.Delete(ctx, p.Blob))
	}
	_, err = s.change(ctx, by, a.ID, "asset.photo_added", may, func(tx Tx, a *Asset) (any, error) {
		n, err := tx.CountPhotos(ctx, a.ID)
		if err != nil {
			return nil, fmt.Errorf("count photos: %w", err)
		}
		if n >= maxPhotos {
			return nil, fault.New(fault.TooLarge, "fault.asset_photos", fault.Args{"max": fmt.Sprint(maxPhotos)})
		}
		return map[string]any{"photo": p.ID, "name": p.Name, "size": p.Size, "sha256": fmt.Sprintf("%x", p.SHA256)}, tx.InsertPhoto(ctx, p)
	})
	// A row that was refused names no file. One whose fate is unknown may, so that its
	// file stays.
	if f := fault.As(err); f != nil && f.ID != "fault.unavailable" {
		err = errors.Join(err, s.p.Blobs.Delete(context.WithoutCancel(ctx), p.Blob))
	}
	return p, err
}

// fileName is a sender's name for a file without anything that a path or a header could
// misread; a file without one is called "file".
func fileName(name string) string {
	return cmp.Or(line(strings.NewReplacer("/", "_", `\`, "_", `"`, "_").Replace(name), 120), "file")
}

// OpenPhoto gives a picture or paper of a thing that the actor may see.
func (s *Service) OpenPhoto(ctx context.Context, by access.Actor, photo string) (Photo, io.ReadCloser, error) {
	p, err := s.p.Store.PhotoByID(ctx, photo)
	if err != nil {
		return Photo{}, nil, err
	}
	if _, _, err := s.seen(ctx, by, p.Asset); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = fault.Missing("photo")
		}
		return Photo{}, nil, err
	}
	r, err := s.p.Blobs.Open(ctx, p.Blob)
	if err != nil {
		return Photo{}, nil, fmt.Errorf("open photo %s: %w", p.ID, err)
	}
	return p, r, nil
}

// digest counts and hashes what passes; more than maxPhoto is a fault.
type digest struct {
	r    io.Reader
	sum  hash.Hash
	size int64
}

// Read passes bytes on.
func (d *digest) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if d.size += int64(n); d.size > maxPhoto {
		return 0, fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": fmt.Sprint(maxPhoto)})
	}
	d.sum.Write(p[:n]) // a hash never fails
	return n, err
}
