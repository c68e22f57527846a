package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	serviceName = "sekimori-agent"
	serviceWait = 20 * time.Second // for a service to stop
)

// Install makes the agent a service that starts with Windows and again whenever it ends.
// The cut itself needs no service: its filters are kept by Windows.
func (h *windowsHost) Install(_ context.Context, exe, state string) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("install: connect to the service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }() // nothing is lost
	config := mgr.Config{
		StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal, Dependencies: []string{"BFE"}, // the filter engine
		DisplayName: "Sekimori agent", Description: "Isolates this PC when it is infected, and reports it.",
	}
	args := []string{"run", "--state", state}
	s, err := m.OpenService(serviceName)
	switch {
	case err == nil: // an earlier one, perhaps of another place
		err = point(s, windows.ComposeCommandLine(append([]string{exe}, args...)))
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		s, err = m.CreateService(serviceName, exe, config, args...)
	}
	if err != nil {
		return fmt.Errorf("install: service: %w", err)
	}
	defer func() { _ = s.Close() }() // nothing is lost
	again := []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: time.Second}, {Type: mgr.ServiceRestart, Delay: 5 * time.Second}, {Type: mgr.ServiceRestart, Delay: 30 * time.Second},
	}
	day := uint32((24 * time.Hour).Seconds())
	if err := s.SetRecoveryActions(again, day); err != nil {
		return fmt.Errorf("install: restart after a crash: %w", err)
	}
	// Wine has no such setting.
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return fmt.Errorf("install: restart after an error: %w", err)
	}
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("the service is installed, but does not start: %w", err)
	}
	return nil
}

// point makes an existing service start this command, with Windows, and leaves the rest.
func point(s *mgr.Service, command string) error {
	path, err := windows.UTF16PtrFromString(command)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, windows.SERVICE_AUTO_START, windows.SERVICE_NO_CHANGE,
		path, nil, nil, nil, nil, nil, nil)
}

func (h *windowsHost) Uninstall(ctx context.Context) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("uninstall: connect to the service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }() // nothing is lost
	s, err := m.OpenService(serviceName)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	defer func() { _ = s.Close() }() // nothing is lost
	if err := stopService(ctx, s); err != nil {
		return err
	}
	if err := s.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return fmt.Errorf("uninstall: %w", err)
	}
	if err := h.letAllGo(ctx); err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	return nil
}

func stopService(ctx context.Context, s *mgr.Service) error {
	ctx, stop := context.WithTimeout(ctx, serviceWait)
	defer stop()
	status, err := s.Control(svc.Stop)
	for err == nil && status.State != svc.Stopped {
		select {
		case <-ctx.Done():
			return fmt.Errorf("uninstall: the service does not stop: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
		status, err = s.Query()
	}
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return fmt.Errorf("uninstall: stop the service: %w", err)
	}
	return nil
}

// Serve runs the agent under the service manager when that has started this process;
// served is false when it has not, and run was not called then.
func Serve(run func(context.Context) error) (served bool, err error) {
	is, err := svc.IsWindowsService()
	if err != nil {
		return false, fmt.Errorf("ask whether this is a service: %w", err)
	}
	if !is {
		return false, nil
	}
	s := &service{run: run}
	if err := svc.Run(serviceName, s); err != nil {
		return true, fmt.Errorf("service: %w", err)
	}
	return true, s.err
}

// service is svc.Handler: it starts run, and ends it when the manager says so.
type service struct {
	run func(context.Context) error
	err error
}

func (s *service) Execute(_ []string, asked <-chan svc.ChangeRequest, say chan<- svc.Status) (own bool, code uint32) {
	say <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	const takes = svc.AcceptStop | svc.AcceptShutdown
	say <- svc.Status{State: svc.Running, Accepts: takes}
	for {
		select {
		case s.err = <-ended:
			if s.err != nil && ctx.Err() == nil {
				return true, 1 // a failure: the manager starts it again
			}
			return false, 0
		case c := <-asked:
			switch c.Cmd {
			case svc.Interrogate:
				say <- c.CurrentStatus
			case svc.Stop, svc.Shutdown:
				say <- svc.Status{State: svc.StopPending}
				stop()
			}
		}
	}
}
