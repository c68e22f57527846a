package host

import (
	"strconv"
	"strings"
)

// parseCID reads who made an SD card and which one it is, out of its card identification
// register (SD Physical Layer Specification, 5.2) as Linux shows it: 32 hex digits, which are
// maker (one byte), OEM (two), name, revision, number and date, and last a checksum. The
// serial is all but that: many a host controller takes the checksum away, and the card must
// be the same in every reader. ok is false for what is no such register.
func parseCID(cid string) (vendor, product uint16, serial string, ok bool) {
	const digits, checksum = 32, 2
	cid = strings.ToLower(cid)
	if len(cid) != digits || strings.Trim(cid, "0123456789abcdef") != "" {
		return 0, 0, "", false
	}
	maker, err := strconv.ParseUint(cid[:2], 16, 8)
	if err != nil {
		return 0, 0, "", false
	}
	oem, err := strconv.ParseUint(cid[2:6], 16, 16)
	if err != nil {
		return 0, 0, "", false
	}
	return uint16(maker), uint16(oem), cid[:digits-checksum], true
}
