package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows shows a reason against shutting down only for a window of the session of the
// person who asks for it (ShutdownBlockReasonCreate). A service lives in a session of its
// own, which nobody sees; all it could do is to delay the end by seconds, without a word.

const (
	windowClass = "SekimoriHold"
	maxReason   = 256 // characters that Windows shows, MAX_STR_BLOCKREASON

	messageQuit            = 0x12
	messageQueryEndSession = 0x11
)

// windowClassEx is WNDCLASSEXW.
type windowClassEx struct {
	size, style                        uint32
	procedure                          uintptr
	extraClass, extraWindow            int32
	instance, icon, cursor, background uintptr
	menu, name                         *uint16
	smallIcon                          uintptr
}

// HoldPower opens a window that is never shown and says why through it. Whoever still
// wants to shut down can: Windows asks first.
func (h *windowsHost) HoldPower(_ context.Context, why string) (func() error, error) {
	var session uint32
	if err := windows.ProcessIdToSessionId(uint32(os.Getpid()), &session); err != nil {
		return nil, fmt.Errorf("hold the power: %w", err)
	}
	if session == 0 {
		return nil, fmt.Errorf("%w: a service of Windows cannot ask people not to shut down, only a program of theirs can", ErrUnsupported)
	}
	type opened struct {
		thread uint32
		err    error
	}
	begun, ended := make(chan opened, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // a window belongs to a thread
		defer runtime.UnlockOSThread()
		w, err := openWindow()
		if err == nil {
			err = w.ask(why)
		}
		begun <- opened{windows.GetCurrentThreadId(), err}
		if err == nil {
			answer()
			ended <- w.close()
		}
	}()
	o := <-begun
	if o.err != nil {
		return nil, fmt.Errorf("hold the power: %w", o.err)
	}
	return func() error {
		if err := user32("PostThreadMessageW", uintptr(o.thread), messageQuit, 0, 0); err != nil {
			return fmt.Errorf("let the power go: %w", err)
		}
		return <-ended
	}, nil
}

// hold is the window.
type hold uintptr

func openWindow() (hold, error) {
	name, err := windows.UTF16PtrFromString(windowClass)
	if err != nil {
		return 0, err
	}
	class := windowClassEx{procedure: windows.NewCallback(holdProcedure), name: name}
	class.size = uint32(unsafe.Sizeof(class))
	if err := user32("RegisterClassExW", uintptr(unsafe.Pointer(&class))); err != nil && !errors.Is(err, windows.ERROR_CLASS_ALREADY_EXISTS) {
		return 0, err
	}
	window, _, err := windows.NewLazySystemDLL("user32.dll").NewProc("CreateWindowExW").Call(
		0, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(name)), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if window == 0 {
		return 0, fmt.Errorf("CreateWindowExW: %w", err)
	}
	return hold(window), nil
}

// ask gives the reason; without one the window is of no use and goes.
func (w hold) ask(why string) error {
	text := windows.StringToUTF16(why)
	if len(text) > maxReason {
		text = append(text[:maxReason-1], 0)
	}
	if err := user32("ShutdownBlockReasonCreate", uintptr(w), uintptr(unsafe.Pointer(&text[0]))); err != nil {
		return errors.Join(err, user32("DestroyWindow", uintptr(w)))
	}
	return nil
}

func (w hold) close() error {
	return errors.Join(user32("ShutdownBlockReasonDestroy", uintptr(w)), user32("DestroyWindow", uintptr(w)))
}

// answer passes the system's messages to the windows of this thread until it is told to
// quit.
func answer() {
	dll := windows.NewLazySystemDLL("user32.dll")
	get, dispatch := dll.NewProc("GetMessageW"), dll.NewProc("DispatchMessageW")
	var message [64]byte // MSG and some more
	for {
		more, _, _ := get.Call(uintptr(unsafe.Pointer(&message)), 0, 0, 0)
		if int32(more) <= 0 { // 0 is quit, -1 an error that would come again
			return
		}
		_, _, _ = dispatch.Call(uintptr(unsafe.Pointer(&message))) // what the procedure gave
	}
}

// holdProcedure says no to the end of the session, and is like any window otherwise.
func holdProcedure(window, message, w, l uintptr) uintptr {
	if message == messageQueryEndSession {
		return 0
	}
	r, _, _ := windows.NewLazySystemDLL("user32.dll").NewProc("DefWindowProcW").Call(window, message, w, l)
	return r
}

// user32 calls a function that gives 0 when it fails.
func user32(name string, args ...uintptr) error {
	proc := windows.NewLazySystemDLL("user32.dll").NewProc(name)
	if err := proc.Find(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if r, _, err := proc.Call(args...); r == 0 {
		if errno, ok := err.(syscall.Errno); ok && errno == 0 {
			err = errors.New("it failed without a reason")
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
