//go:build !windows

package host

import "context"

// Serve runs the agent under a service manager that wants to be spoken to. Only Windows
// has one: elsewhere served is false and run was not called.
func Serve(func(context.Context) error) (served bool, err error) { return false, nil }
