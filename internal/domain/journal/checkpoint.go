package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxNote    = 64 << 10 // bytes of a signed checkpoint
	timePrefix = "time "  // extension line that carries Checkpoint.At
)

// ErrSignature says that no known key signed a checkpoint, or that a signature is wrong.
var ErrSignature = errors.New("journal: checkpoint signature does not verify")

// strict64 refuses a changed last character that would decode to the same bytes.
var strict64 = base64.StdEncoding.Strict()

// Checkpoint is a signed statement about the first Size entries. Its Note is in the
// C2SP tlog-checkpoint form, so that other transparency tools read and witness it.
type Checkpoint struct {
	Origin string    // name of the log; the signing key has the same name
	Size   int64     // entries covered
	Root   tlog.Hash // RFC 6962 root over them
	At     time.Time // when it was signed, by the server's clock; zero when the note has none
	Note   []byte    // the signed text, to be kept as it is
}

// GenerateKey makes a signing key and its public half for the log named origin
// (a host name does well; no spaces, no '+'). rand is normally crypto/rand.Reader.
func GenerateKey(rand io.Reader, origin string) (signerKey, verifierKey string, err error) {
	if !plain(origin) || origin == "" || len(origin) > maxName {
		return "", "", fmt.Errorf("journal key: bad origin %q", origin)
	}
	signerKey, verifierKey, err = note.GenerateKey(rand, origin)
	if err != nil {
		return "", "", fmt.Errorf("journal key: %w", err)
	}
	return signerKey, verifierKey, nil
}

// SignCheckpoint signs size and root. The signer's name must be origin.
func SignCheckpoint(signer note.Signer, origin string, size int64, root tlog.Hash, at time.Time) (Checkpoint, error) {
	if signer.Name() != origin {
		return Checkpoint{}, fmt.Errorf("journal checkpoint: the key is of %q, the log is %q", signer.Name(), origin)
	}
	at = at.UTC().Truncate(time.Microsecond)
	text := fmt.Sprintf("%s\n%d\n%s\n%s%s\n", origin, size, root, timePrefix, at.Format(time.RFC3339Nano))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign journal checkpoint: %w", err)
	}
	return Checkpoint{Origin: origin, Size: size, Root: root, At: at, Note: signed}, nil
}

// ParseCheckpoint reads a signed checkpoint. The key named like its origin must be among
// the verifiers and must have signed it; signatures of unknown keys are passed over.
func ParseCheckpoint(signed []byte, verifiers note.Verifiers) (Checkpoint, error) {
	if len(signed) > maxNote {
		return Checkpoint{}, fmt.Errorf("parse journal checkpoint: %d bytes, at most %d", len(signed), maxNote)
	}
	n, err := note.Open(signed, verifiers)
	if err != nil {
		var invalid *note.InvalidSignatureError
		var unverified *note.UnverifiedNoteError
		if errors.As(err, &invalid) || errors.As(err, &unverified) {
			return Checkpoint{}, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return Checkpoint{}, fmt.Errorf("parse journal checkpoint: %w", err)
	}
	cp, err := parseCheckpointText(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("parse journal checkpoint: %w", err)
	}
	own := false
	for _, s := range n.Sigs {
		if _, err := strict64.DecodeString(s.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("%w: loose base64", ErrSignature)
		}
		own = own || s.Name == cp.Origin
	}
	if !own {
		return Checkpoint{}, fmt.Errorf("%w: not signed by %q itself", ErrSignature, cp.Origin)
	}
	if k, ok := verifiers.(*Keys); ok && !k.inForce(n.Sigs, cp.Size) {
		return Checkpoint{}, fmt.Errorf("%w: its key was not in force", ErrSignature)
	}
	cp.Note = signed
	return cp, nil
}

// parseCheckpointText reads the signed lines: origin, size, root, then extensions.
func parseCheckpointText(text string) (Checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] == "" {
		return Checkpoint{}, errors.New("origin, size and root expected")
	}
	cp := Checkpoint{Origin: lines[0]}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("bad size %q", lines[1])
	}
	cp.Size = size
	if !decode32(&cp.Root, lines[2]) {
		return Checkpoint{}, fmt.Errorf("bad root %q", lines[2])
	}
	for _, ext := range lines[3:] {
		if ext == "" {
			return Checkpoint{}, errors.New("empty extension line")
		}
		if v, ok := strings.CutPrefix(ext, timePrefix); ok && cp.At.IsZero() {
			at, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				return Checkpoint{}, fmt.Errorf("bad time: %w", err)
			}
			cp.At = at.UTC()
		}
	}
	return cp, nil
}

// decode32 reads exactly 32 bytes in their one base64 form.
func decode32[H ~[32]byte, T ~string | ~[]byte](dst *H, s T) bool {
	if len(s) != 44 {
		return false
	}
	var in [44]byte
	var out [33]byte
	copy(in[:], s)
	n, err := strict64.Decode(out[:], in[:])
	if err != nil || n != 32 {
		return false
	}
	*dst = H(out[:32])
	return true
}
