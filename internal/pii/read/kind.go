package read

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
)

// Kind is what a part is. The names are stable: they are stored and sent.
type Kind string

// The kinds that are read.
const (
	Empty    Kind = "empty"
	Text     Kind = "text" // of any encoding: CSV, JSON, logs and source too
	HTML     Kind = "html"
	RTF      Kind = "rtf"
	Mail     Kind = "mail" // RFC 5322
	Mbox     Kind = "mbox"
	Zip      Kind = "zip"
	DOCX     Kind = "docx"
	XLSX     Kind = "xlsx"
	PPTX     Kind = "pptx"
	ODF      Kind = "odf"      // odt, ods, odp
	CFB      Kind = "compound" // Office documents with a password, and compound files of programs that are not known
	MSG      Kind = "msg"
	PDF      Kind = "pdf"
	SQLite   Kind = "sqlite"
	SevenZip Kind = "7z"
	Tar      Kind = "tar"
	Gzip     Kind = "gzip"
	Bzip2    Kind = "bzip2"
	XZ       Kind = "xz"
	Zstd     Kind = "zstd"
	XLS      Kind = "xls"
	DOC      Kind = "doc"
	PPT      Kind = "ppt"
)

// The kinds that are not: they hold no text that could be had without more than reading.
const (
	Picture Kind = "picture"
	Media   Kind = "media"
	Program Kind = "program"
	Archive Kind = "archive" // rar, cab, lzh, pst
	Sealed  Kind = "sealed"  // age, OpenPGP, OpenSSL: nothing but a key opens it
	Binary  Kind = "binary"  // none of the above
)

// anywhere reports whether the reader of a kind must be able to read at any place.
func (k Kind) anywhere() bool {
	switch k {
	case Zip, CFB, PDF, SQLite, SevenZip:
		return true
	}
	return false
}

// Plain reports whether a file needs no taking apart: it can be handed to [pii.Detector.Scan] as it lies on the disk.
func (k Kind) Plain() bool { return k == Text || k == Empty }

// magics are the first bytes of kinds that have such.
func magics() []magic {
	return []magic{
		{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip}, {"PK\x07\x08PK\x03\x04", Zip},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", CFB},
		{"SQLite format 3\x00", SQLite},
		{"7z\xbc\xaf\x27\x1c", SevenZip},
		{"\x1f\x8b\x08", Gzip}, {"BZh", Bzip2}, {"\xfd7zXZ\x00", XZ}, {"\x28\xb5\x2f\xfd", Zstd},
		{"{\\rtf", RTF},
		{"\x09\x08\x10\x00\x00\x06", XLS}, {"\x09\x08\x08\x00\x00\x05", XLS}, {"\x09\x04\x06\x00", XLS}, {"\x09\x02\x06\x00", XLS},
		{"\xdb\xa5-\x00", DOC}, {"1\xbe\x00\x00", DOC},
		{"\x89PNG", Picture}, {"\xff\xd8\xff", Picture}, {"GIF8", Picture}, {"II*\x00", Picture}, {"MM\x00*", Picture}, {"8BPS", Picture},
		{"\x00\x00\x01\x00", Picture},
		{"ID3", Media}, {"OggS", Media}, {"fLaC", Media}, {"\x1aE\xdf\xa3", Media}, {"0&\xb2u\x8ef\xcf\x11", Media},
		{"\x7fELF", Program}, {"MZ", Program}, {"\xca\xfe\xba\xbe", Program}, {"\xcf\xfa\xed\xfe", Program}, {"\x00asm", Program},
		{"age-encryption.org/v1\n", Sealed}, {"-----BEGIN AGE ENCRYPTED FILE-----", Sealed}, {"-----BEGIN PGP MESSAGE-----", Sealed}, {"Salted__", Sealed},
		{"Rar!\x1a\x07", Archive}, {"MSCF", Archive}, {"ISc(", Archive}, {"!BDN", Archive},
	}
}

type magic struct {
	begin string
	kind  Kind
}

// Sniff says what a part is by its first bytes (8 KiB are enough). name only decides between text and mail.
func Sniff(head []byte, name string) Kind {
	if len(head) == 0 {
		return Empty
	}
	for _, m := range magics() {
		if bytes.HasPrefix(head, []byte(m.begin)) && (m.kind == RTF || m.kind == Sealed || !printable(m.begin) || !isText(head)) {
			return m.kind
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 10 && (string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17rE8P\x90"):
		return Bzip2
	case bytes.Contains(head[:min(1024, len(head))], []byte("%PDF-")):
		return PDF
	case isTar(head):
		return Tar
	case len(head) > 12 && string(head[:4]) == "RIFF":
		if string(head[8:12]) == "WEBP" {
			return Picture
		}
		return Media
	case len(head) > 12 && string(head[4:8]) == "ftyp":
		if brand := string(head[8:11]); brand == "hei" || brand == "avi" || brand == "mif" {
			return Picture
		}
		return Media
	case len(head) > 8 && head[2] == '-' && head[3] == 'l' && (head[4] == 'h' || head[4] == 'z') && head[6] == '-':
		return Archive // LHA
	case len(head) > 2 && head[0] == 'B' && head[1] == 'M' && !isText(head):
		return Picture
	case !isText(head):
		return Binary
	case isMbox(head):
		return Mbox
	case isMail(head, name):
		return Mail
	case isHTML(head):
		return HTML
	}
	return Text
}

// printable reports whether a text may begin so, too.
func printable(begin string) bool {
	return !strings.ContainsFunc(begin, func(r rune) bool { return r < 0x20 || r >= 0x7f })
}

// isText reports whether bytes are characters of some encoding: a byte order mark, UTF-16 by its zeros, or nothing of
// what texts do not hold.
func isText(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return !bytes.Contains(head, []byte{0, 0, 0, 0})
	}
	zeros, odd, control := 0, 0, 0
	for i, c := range head {
		switch {
		case c == 0:
			zeros++
			odd += i & 1
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b && c != 0x1a && c != 0x08:
			control++
		}
	}
	if zeros == 0 {
		return control*50 <= len(head)
	}
	// UTF-16 without a mark: Latin text has a zero in every second place, Japanese text at its line ends and spaces.
	if odd != 0 && odd != zeros || len(head) < 8 || bytes.Contains(head, []byte{0, 0, 0}) {
		return false
	}
	if zeros*4 >= len(head) && control == 0 {
		return true
	}
	return likeUTF16(head, odd == zeros)
}

// likeUTF16 reports whether most of the 16 bit units are characters of a Japanese text.
func likeUTF16(head []byte, little bool) bool {
	fit, all := 0, len(head)/2
	for i := 0; i+1 < len(head); i += 2 {
		u := binary.BigEndian.Uint16(head[i:])
		if little {
			u = binary.LittleEndian.Uint16(head[i:])
		}
		if u == '\n' || u == '\r' || u == '\t' || u >= 0x20 && u < 0x7f || u >= 0x3000 && u < 0x3100 || u >= 0x4e00 && u < 0xa000 || u >= 0xff00 && u < 0xfff0 {
			fit++
		}
	}
	return fit*10 >= all*9
}

// isTar looks at the mark of a tar header, and at its checksum for those from before there was one.
func isTar(head []byte) bool {
	if len(head) < 512 {
		return false
	}
	if string(head[257:262]) == "ustar" {
		return true
	}
	sum, want := 0, 0
	for i, c := range head[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int(c)
	}
	digits := bytes.Trim(head[148:156], " \x00")
	if len(digits) == 0 || head[0] == 0 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '7' {
			return false
		}
		want = want<<3 | int(c-'0')
	}
	return sum == want
}

func isMbox(head []byte) bool {
	if !bytes.HasPrefix(head, []byte("From ")) {
		return false
	}
	_, rest, ok := bytes.Cut(head, []byte("\n"))
	return ok && headerFields(rest) > 0
}

// isMail looks for the header of a message: fields that mails have, and before them nothing else.
func isMail(head []byte, name string) bool {
	n := headerFields(head)
	if ext := strings.ToLower(path.Ext(name)); ext == ".eml" || ext == ".mht" || ext == ".mhtml" {
		return n >= 1
	}
	return n >= 3
}

// headerFields counts the fields of a header that only mails have.
func headerFields(head []byte) int {
	n := 0
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		field, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(field) == 0 || bytes.ContainsAny(field, " \t,") {
			break
		}
		switch strings.ToLower(string(field)) {
		case "from", "to", "date", "subject", "message-id", "mime-version", "received", "return-path", "content-type",
			"delivered-to", "x-mailer", "reply-to", "cc", "dkim-signature", "x-mozilla-status":
			n++
		}
	}
	return n
}

func isHTML(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) { // UTF-16
		head = bytes.ReplaceAll(head[2:], []byte{0}, nil)
	}
	start := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	start = start[:min(len(start), 1024)]
	if !bytes.HasPrefix(start, []byte("<")) {
		return false
	}
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.Contains(start, []byte("<html"))
}
