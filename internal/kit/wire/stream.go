package wire

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The stream is server-sent events (WHATWG HTML 9.2) of one kind: the newest version of
// the desired state. A comment is a heartbeat.

// Beat is a heartbeat.
const Beat = ":\n\n"

// Nudge gives the event that says that a version exists.
func Nudge(version int64) string { return "data:" + strconv.FormatInt(version, 10) + "\n\n" }

// maxLine bounds a line of the stream; ours have at most 25 characters.
const maxLine = 256

// ReadStream reads events until r ends. beat is called for each heartbeat and nudge for
// each version. What is not understood is passed over, as the specification asks of
// readers; a line that is too long ends the reading, because no server of ours sends it.
func ReadStream(r io.Reader, beat func(), nudge func(version int64)) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64), maxLine)
	for s.Scan() {
		line := strings.TrimSuffix(s.Text(), "\r")
		if strings.HasPrefix(line, ":") {
			beat()
			continue
		}
		data, ok := strings.CutPrefix(line, "data:")
		if !ok {
			continue
		}
		if v, err := strconv.ParseInt(strings.TrimPrefix(data, " "), 10, 64); err == nil && v > 0 {
			nudge(v)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	return io.ErrUnexpectedEOF
}
