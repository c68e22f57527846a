//go:build !unix

package read

import "os"

func openFile(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, because(NotRegular)
	}
	return os.Open(path)
}

// private reports whether a folder is there. Whose it is says its access list, which whoever made it has set.
func private(folder string) bool {
	info, err := os.Lstat(folder)
	return err == nil && info.IsDir()
}
