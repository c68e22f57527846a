package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// maxHashed is the largest file that is hashed.
const maxHashed = 64 << 20

// hashes gives SHA-256 sums of files, each file once.
type hashes struct {
	known map[string]hashed
}

type hashed struct {
	sum string
	err error
}

func newHashes() *hashes { return &hashes{known: map[string]hashed{}} }

// of gives the sum of the file at path, in hex. name tells files apart that are the same
// under two paths; it may be the path itself.
func (h *hashes) of(ctx context.Context, name, path string) (string, error) {
	if known, ok := h.known[name]; ok {
		return known.sum, known.err
	}
	sum, err := hashFile(ctx, path)
	if ctx.Err() == nil {
		h.known[name] = hashed{sum, err}
	}
	return sum, err
}

// hashFile reads a regular file and nothing else: a pipe or a device could hold it for ever.
func hashFile(ctx context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("not hashed: not a regular file")
	}
	if info.Size() > maxHashed {
		return "", fmt.Errorf("not hashed: %d bytes, more than %d", info.Size(), maxHashed)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	// A file that grows while it is read is read to the bound, not for ever.
	if _, err := io.Copy(sum, io.LimitReader(inTime{ctx, f}, maxHashed)); err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// inTime ends a reader with its context.
type inTime struct {
	ctx context.Context
	r   io.Reader
}

func (t inTime) Read(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.r.Read(p)
}
