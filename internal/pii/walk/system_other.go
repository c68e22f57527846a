//go:build !linux && !darwin

package walk

import "io/fs"

// systemOf tells nothing: what is mounted in a folder is a junction here, and counts as a link.
func systemOf(fs.FileInfo) uint64 { return 0 }

// changedOf tells nothing: a listing has no such time here.
func changedOf(fs.FileInfo) int64 { return 0 }
