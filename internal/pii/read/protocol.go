package read

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"sekimori/internal/pii"
)

// Parent and child speak in frames: one byte says what it is, four how long, then the content. The child asks for the
// file's bytes and hands texts and rows up; it never opens a file itself. The parent believes no length and no order.

type frame byte

const (
	// From the parent.
	frameSettings frame = 's' // settings, once, first
	frameJob      frame = 'j' // jobOrder
	frameData     frame = 'd' // bytes that were asked for; fewer where the file ends
	frameFailed   frame = 'x' // they could not be read: a Reason
	// From the child.
	frameReady  frame = 'r' // readiness, once, in answer to the settings
	frameAsk    frame = 'a' // offset int64, length uint32
	frameText   frame = 't' // textHead; frameBytes follow, then frameEnd
	frameBytes  frame = 'b'
	frameEnd    frame = 'e'
	frameTable  frame = 'T' // part; header and rows follow
	frameHeader frame = 'H' // cells
	frameRow    frame = 'R' // line uvarint, first cell, cells
	frameDone   frame = 'D' // done
)

const (
	maxFrame = 8 << 20
	askSize  = 64 << 10
)

type settings struct {
	Temp   string `json:"temp,omitempty"`
	Cache  string `json:"cache,omitempty"`
	Memory int64  `json:"memory"`
	Warm   bool   `json:"warm,omitempty"` // only compile the PDF reader into Cache, and end
}

type readiness struct {
	Confined []string `json:"confined"` // what the operating system now keeps from the child
}

type jobOrder struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Limits Limits `json:"limits"`
}

type textHead struct {
	Part string   `json:"part"`
	Hint pii.Hint `json:"hint"`
}

type done struct {
	Report Report `json:"report"`
	Memory int64  `json:"memory"` // bytes that the child holds
}

// line is one end of the conversation.
type line struct {
	r   *bufio.Reader
	w   *bufio.Writer
	buf []byte
}

func newLine(r io.Reader, w io.Writer) *line {
	return &line{r: bufio.NewReaderSize(r, 128<<10), w: bufio.NewWriterSize(w, 128<<10)}
}

func (l *line) send(kind frame, content ...[]byte) error {
	size := 0
	for _, c := range content {
		size += len(c)
	}
	if size > maxFrame {
		return because(TooLarge)
	}
	var head [5]byte
	head[0] = byte(kind)
	binary.BigEndian.PutUint32(head[1:], uint32(size))
	if _, err := l.w.Write(head[:]); err != nil {
		return err
	}
	for _, c := range content {
		if _, err := l.w.Write(c); err != nil {
			return err
		}
	}
	return nil
}

func (l *line) sendJSON(kind frame, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return l.send(kind, b)
}

// receive reads the next frame. Its content is good until the next call.
func (l *line) receive() (frame, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(l.r, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(head[1:]))
	if size > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes", size)
	}
	if cap(l.buf) < size {
		l.buf = make([]byte, size)
	}
	content := l.buf[:size]
	if _, err := io.ReadFull(l.r, content); err != nil {
		return 0, nil, noEOF(err)
	}
	return frame(head[0]), content, nil
}

func appendCells(b []byte, cells []string) []byte {
	for _, c := range cells {
		b = binary.AppendUvarint(b, uint64(len(c)))
		b = append(b, c...)
	}
	return b
}

func parseCells(b []byte) ([]string, error) {
	var cells []string
	for len(b) > 0 {
		s, rest, err := parseCell(b)
		if err != nil {
			return nil, err
		}
		cells, b = append(cells, s), rest
	}
	return cells, nil
}

func parseCell(b []byte) (string, []byte, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return "", nil, fmt.Errorf("a cell longer than its row")
	}
	return string(b[k : k+int(n)]), b[k+int(n):], nil
}
