package host

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// volumeHead is how many bytes of a file system its kind and name are read from.
const volumeHead = 4096

// volumeOf recognises a file system by its first bytes: the kernel's name of its kind, and
// how it names itself, such as "vfat 1A2B-3C4D STICK". Both are "" when it is none of
// those that media have. The bytes may be wrong on purpose.
func volumeOf(b []byte) (kind, name string) {
	if len(b) < volumeHead {
		return "", ""
	}
	switch {
	case string(b[3:11]) == "EXFAT   ":
		return "exfat", "exfat " + fatID(b[100:104])
	case string(b[3:11]) == "NTFS    ":
		return "ntfs3", fmt.Sprintf("ntfs %016X", binary.LittleEndian.Uint64(b[72:]))
	case binary.LittleEndian.Uint16(b[1080:]) == 0xef53:
		return "ext4", strings.TrimSpace("ext " + hex.EncodeToString(b[1128:1144]) + " " + label(b[1144:1160]))
	case b[510] != 0x55 || b[511] != 0xaa:
	case string(b[82:87]) == "FAT32":
		return "vfat", strings.TrimSpace("vfat " + fatID(b[67:71]) + " " + label(b[71:82]))
	case string(b[54:57]) == "FAT":
		return "vfat", strings.TrimSpace("vfat " + fatID(b[39:43]) + " " + label(b[43:54]))
	}
	return "", ""
}

func fatID(b []byte) string {
	n := binary.LittleEndian.Uint32(b)
	return fmt.Sprintf("%04X-%04X", n>>16, n&0xffff)
}

// label keeps what can be shown.
func label(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
}
