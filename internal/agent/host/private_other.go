//go:build !windows

package host

// MakePrivate does nothing: here the modes of files say who may.
func MakePrivate(string) error { return nil }

// MakePublic does nothing: here the modes of files say who may.
func MakePublic(string) error { return nil }

// OpenSocket does nothing: here the modes of files say who may.
func OpenSocket(string) error { return nil }
