package read

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// The records of a presentation of 1997 to 2003 ([MS-PPT] 2.13.24) that hold characters.
const (
	pptTextChars = 0x0fa0
	pptTextBytes = 0x0fa8
	pptCString   = 0x0fba
	pptCrypt     = 0x2f14
)

// readPPT reads the characters of every record, slide or note, in the order in which they lie. Containers have the
// version 0xf; one goes into them by not skipping them, so that no depth is ever reached.
func readPPT(b box, c *compound) error {
	if user := c.find(0, "Current User"); user >= 0 {
		head, err := c.whole(user, 16)
		if err == nil && len(head) >= 16 && binary.LittleEndian.Uint32(head[12:]) == 0xf3d1c4df {
			return because(Encrypted)
		}
	}
	in, err := c.stream(c.find(0, "PowerPoint Document"))
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(in.at, 0, in.size), 64<<10)
	text := b.text("")
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return firstError(text.end(), readObjects(b, c))
			}
			return err
		}
		kind, size := binary.LittleEndian.Uint16(head[2:]), int64(binary.LittleEndian.Uint32(head[4:]))
		switch {
		case kind == pptCrypt:
			return because(Encrypted)
		case head[0]&0xf == 0xf:
			continue
		case kind == pptTextChars || kind == pptTextBytes || kind == pptCString:
			if size > maxToken {
				return damaged("a text of %d bytes", size)
			}
			data := make([]byte, size)
			if _, err := io.ReadFull(r, data); err != nil {
				return firstError(text.end(), noEOF(err))
			}
			if err := b.job.spend(size); err != nil {
				return err
			}
			if kind == pptTextBytes {
				text.line(docMarks().Replace(fromLatin(data)))
			} else {
				text.line(docMarks().Replace(fromUTF16(data)))
			}
		default:
			if _, err := io.CopyN(io.Discard, r, size); err != nil {
				return firstError(text.end(), noEOF(err))
			}
		}
		if text.err != nil {
			return text.err
		}
	}
}
