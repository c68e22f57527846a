//go:build !unix

package read

import "errors"

func makeFIFO(string) error { return errors.ErrUnsupported }
