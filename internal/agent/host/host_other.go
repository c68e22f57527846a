//go:build !linux && !windows && !darwin

package host

import (
	"context"
	"io"
	"os"
)

// other is a system of which nothing is known: it files reports, and that is all.
type other struct{}

// New gives the Host of this system.
func New(Options) Host { return other{} }

func (other) Privileged() error                     { return ErrUnsupported }
func (other) Cut(context.Context, Allow) error      { return ErrUnsupported }
func (other) Standing(context.Context, Allow) error { return ErrUnsupported }
func (other) Watch(context.Context, func()) error   { return ErrUnsupported }
func (other) Open(context.Context) error            { return ErrUnsupported }
func (other) Plan(Allow) []string                   { return []string{ErrUnsupported.Error()} }

func (other) SwitchWifi(context.Context, bool, []Endpoint, bool) (string, error) {
	return "", ErrUnsupported
}

func (other) HoldPower(context.Context, string) (func() error, error) { return nil, ErrUnsupported }

func (other) Glance(context.Context, func(string, func(io.Writer) error) error) error {
	return ErrUnsupported
}

func (other) Collect(context.Context, func(string, func(io.Writer) error) error) error {
	return ErrUnsupported
}

func (other) Install(context.Context, string, string) error { return ErrUnsupported }
func (other) Uninstall(context.Context) error               { return ErrUnsupported }
func (other) Boot() (string, error)                         { return "", ErrUnsupported }

func (other) Name() string {
	name, err := os.Hostname()
	if err != nil {
		return "" // a PC without a name
	}
	return name
}
