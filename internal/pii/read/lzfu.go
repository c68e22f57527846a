package read

import "encoding/binary"

// The compression of RTF in Outlook messages ([MS-OXRTFCP]).
const (
	rtfPacked = 0x75465a4c // "LZFu"
	rtfPlain  = 0x414c454d // "MELA"
	// rtfStart is what the dictionary holds at the beginning (2.1.2.1).
	rtfStart = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArial" +
		"Times New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)

// unpackRTF undoes it, up to limit bytes. What breaks off gives what was there until then.
func unpackRTF(b []byte, limit int) ([]byte, error) {
	if len(b) < 16 {
		return nil, damaged("compressed RTF of %d bytes", len(b))
	}
	size, kind := int(binary.LittleEndian.Uint32(b[4:])), binary.LittleEndian.Uint32(b[8:])
	b = b[16:]
	switch kind {
	case rtfPlain:
		return b[:min(size, len(b))], nil
	case rtfPacked:
	default:
		return nil, damaged("compressed RTF of kind %x", kind)
	}
	var dictionary [4096]byte
	at := copy(dictionary[:], rtfStart)
	out := make([]byte, 0, min(size, limit, 16*len(b)))
	put := func(c byte) {
		out = append(out, c)
		dictionary[at] = c
		at = (at + 1) % len(dictionary)
	}
	for len(b) > 0 && len(out) < limit {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if flags&(1<<bit) == 0 {
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out, nil
			}
			ref := binary.BigEndian.Uint16(b)
			b = b[2:]
			from := int(ref >> 4)
			if from == at { // the end
				return out, nil
			}
			for range int(ref&0xf) + 2 {
				put(dictionary[from])
				from = (from + 1) % len(dictionary)
			}
		}
	}
	return out, nil
}
