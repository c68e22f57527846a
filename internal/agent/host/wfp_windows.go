package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"syscall"
	"unsafe"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
)

// The filters live in a provider and a sublayer of our own. The provider names no
// service: a provider that does is switched off with it, and then stopping the agent
// would open the network.

// Keys of our objects in the filter engine. Filters count on from filterKey in its last
// four bytes.
func providerKey() wf.ProviderID {
	return wf.ProviderID{Data1: 0x5e1c0a21, Data2: 0x7f0d, Data3: 0x4b6a, Data4: [8]byte{0x9b, 0x11, 0x73, 0x65, 0x6b, 0x69, 0x6d, 0x01}}
}

func sublayerKey() wf.SublayerID {
	return wf.SublayerID{Data1: 0x5e1c0a22, Data2: 0x7f0d, Data3: 0x4b6a, Data4: [8]byte{0x9b, 0x11, 0x73, 0x65, 0x6b, 0x69, 0x6d, 0x01}}
}

func filterKey(n int) wf.RuleID {
	k := wf.RuleID{Data1: 0x5e1c0a23, Data2: 0x7f0d, Data3: 0x4b6a, Data4: [8]byte{0x9b, 0x11, 0x73, 0x65}}
	binary.BigEndian.PutUint32(k.Data4[4:], uint32(n))
	return k
}

// maxFilters is more than a desired state can ask for: 16 servers of 64 addresses.
const maxFilters = 4096

// Errors of the engine (fwpmtypes.h, winerror.h).
const (
	errFilterNotFound   = syscall.Errno(0x80320003)
	errProviderNotFound = syscall.Errno(0x80320005)
	errSublayerNotFound = syscall.Errno(0x80320007)
	errAlreadyExists    = syscall.Errno(0x80320009)
)

// engine is a session with the filter engine.
type engine struct {
	*wf.Session
	dll    *windows.LazyDLL
	handle uintptr
}

func openEngine() (*engine, error) {
	s, err := wf.New(&wf.Options{Name: "sekimori-agent"})
	if err != nil {
		return nil, fmt.Errorf("open the Windows Filtering Platform: %w", err)
	}
	handle, err := sessionHandle(s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &engine{Session: s, dll: windows.NewLazySystemDLL("fwpuclnt.dll"), handle: handle}, nil
}

// sessionHandle is the engine's handle, which the library keeps to itself: it has calls
// for single objects but none for a transaction, and a cut must come in one.
func sessionHandle(s *wf.Session) (uintptr, error) {
	field := reflect.ValueOf(s).Elem().FieldByName("handle")
	if field.Kind() != reflect.Uintptr {
		return 0, errors.New("the filter library has changed: its session has no handle")
	}
	return uintptr(field.Uint()), nil
}

func (e *engine) call(name string, args ...uintptr) error {
	proc := e.dll.NewProc(name)
	if err := proc.Find(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if r, _, _ := proc.Call(append([]uintptr{e.handle}, args...)...); r != 0 {
		return fmt.Errorf("%s: %w", name, syscall.Errno(r))
	}
	return nil
}

// inOne does all of change or nothing.
func (e *engine) inOne(change func() error) error {
	if err := e.call("FwpmTransactionBegin0", 0); err != nil {
		return err
	}
	if err := change(); err != nil {
		return errors.Join(err, e.call("FwpmTransactionAbort0"))
	}
	return e.call("FwpmTransactionCommit0")
}

// put adds our objects; what of ours stands already goes first.
func (e *engine) put(allow Allow) error {
	filters := wfpFilters(allow)
	if len(filters) > maxFilters {
		return fmt.Errorf("%d filters are more than %d", len(filters), maxFilters)
	}
	provider := &wf.Provider{ID: providerKey(), Name: "Sekimori", Description: "Isolation of an infected PC", Persistent: true}
	err := e.AddProvider(provider)
	if errors.Is(err, errAlreadyExists) {
		if err := e.take(); err != nil {
			return err
		}
		err = e.AddProvider(provider)
	}
	if err != nil {
		return fmt.Errorf("add provider: %w", err)
	}
	err = e.AddSublayer(&wf.Sublayer{
		ID: sublayerKey(), Name: "Sekimori isolation", Persistent: true, Provider: providerKey(), Weight: 0xffff,
	})
	if err != nil {
		return fmt.Errorf("add sublayer: %w", err)
	}
	for n, f := range filters {
		if err := e.AddRule(wfpRule(n, f)); err != nil {
			return fmt.Errorf("add filter %q: %w", f, err)
		}
	}
	return nil
}

// take removes everything of ours. Keys are given without gaps, but somebody may have
// taken a few out.
func (e *engine) take() error {
	for n, missing := 0, 0; n < maxFilters && missing < 256; n++ {
		err := e.DeleteRule(filterKey(n))
		switch {
		case errors.Is(err, errFilterNotFound):
			missing++
		case err != nil:
			return fmt.Errorf("remove filter %d: %w", n, err)
		default:
			missing = 0
		}
	}
	if err := e.DeleteSublayer(sublayerKey()); err != nil && !errors.Is(err, errSublayerNotFound) {
		return fmt.Errorf("remove sublayer: %w", err)
	}
	if err := e.DeleteProvider(providerKey()); err != nil && !errors.Is(err, errProviderNotFound) {
		return fmt.Errorf("remove provider: %w", err)
	}
	return nil
}

// wfpRule writes a filter as the library has it. A permit is hard: it cannot be overruled
// in another sublayer.
func wfpRule(n int, f wfpFilter) *wf.Rule {
	r := &wf.Rule{
		ID: filterKey(n), Name: "Sekimori isolation", Layer: wfpLayerID(f.layer), Sublayer: sublayerKey(), Provider: providerKey(),
		ProviderData: []byte(f.String()), Weight: f.weight(), Action: wf.ActionBlock, HardAction: f.permit,
		Persistent: !f.boot, BootTime: f.boot, // Windows refuses both in one
	}
	if f.permit {
		r.Action = wf.ActionPermit
	}
	add := func(field wf.FieldID, op wf.MatchType, v any) {
		r.Conditions = append(r.Conditions, &wf.Match{Field: field, Op: op, Value: v})
	}
	if f.loopback {
		add(wf.FieldFlags, wf.MatchTypeFlagsAllSet, wf.ConditionFlagIsLoopback)
	}
	if f.protocol != 0 {
		add(wf.FieldIPProtocol, wf.MatchTypeEqual, wf.IPProto(f.protocol))
	}
	if f.remote.IsValid() {
		add(wf.FieldIPRemoteAddress, wf.MatchTypeEqual, f.remote)
	}
	if f.local != 0 {
		add(wf.FieldIPLocalPort, wf.MatchTypeEqual, f.local)
	}
	if f.port != 0 {
		add(wf.FieldIPRemotePort, wf.MatchTypeEqual, f.port)
	}
	return r
}

func wfpLayerID(l wfpLayer) wf.LayerID {
	return map[wfpLayer]wf.LayerID{
		wfpConnect4: wf.LayerALEAuthConnectV4, wfpConnect6: wf.LayerALEAuthConnectV6,
		wfpAccept4: wf.LayerALEAuthRecvAcceptV4, wfpAccept6: wf.LayerALEAuthRecvAcceptV6,
		wfpOut4: wf.LayerOutboundTransportV4, wfpOut6: wf.LayerOutboundTransportV6,
		wfpIn4: wf.LayerInboundTransportV4, wfpIn6: wf.LayerInboundTransportV6,
		wfpForward4: wf.LayerIPForwardV4, wfpForward6: wf.LayerIPForwardV6,
	}[l]
}

// filterHead is the beginning of FWPM_FILTER0 (fwpmtypes.h).
type filterHead struct {
	_        windows.GUID // key
	_, _     *uint16      // name and description
	flags    uint32
	provider *windows.GUID
	dataSize uint32
	data     *byte
	layer    windows.GUID
	sublayer windows.GUID
	_        struct { // weight: FWP_VALUE0
		kind  uint32
		value uintptr
	}
	conditions uint32
	_          uintptr // their list
	action     uint32
}

// Flags of a filter (fwpmtypes.h).
const (
	flagPersistent = 1
	flagHard       = 8  // FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT
	flagDisabled   = 32 // its provider's service is
)

// same is nil when the filter of this number is f, as the engine has it now. It is asked
// by its key: to list all filters of a PC would need to know the form of every other.
func (e *engine) same(n int, f wfpFilter) error {
	found, err := e.filter(n)
	if err != nil {
		return err
	}
	defer e.free(&found)
	want := wfpRule(n, f)
	flags := uint32(flagPersistent)
	if want.HardAction {
		flags |= flagHard
	}
	switch {
	case found.flags&(flagPersistent|flagHard|flagDisabled) != flags, found.provider == nil || wf.ProviderID(*found.provider) != want.Provider,
		wf.LayerID(found.layer) != want.Layer, wf.SublayerID(found.sublayer) != want.Sublayer,
		wf.Action(found.action) != want.Action, int(found.conditions) != len(want.Conditions),
		string(unsafe.Slice(found.data, found.dataSize)) != f.String():
		return errors.New("it has been changed")
	}
	return nil
}

// filter asks for one of ours; the caller frees it.
func (e *engine) filter(n int) (*filterHead, error) {
	key := filterKey(n)
	var found *filterHead
	err := e.call("FwpmFilterGetByKey0", uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(&found)))
	return found, err
}

func (e *engine) free(p **filterHead) {
	_, _, _ = e.dll.NewProc("FwpmFreeMemory0").Call(uintptr(unsafe.Pointer(p))) // gives nothing back
}

func (h *windowsHost) Cut(_ context.Context, allow Allow) error {
	e, err := openEngine()
	if err != nil {
		return err
	}
	if err := errors.Join(e.inOne(func() error { return e.put(allow) }), e.Close()); err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	endConnections(allow)
	return nil
}

// Standing looks at the filters that are in force. Those for the start of Windows were
// put in with them; the engine keeps them apart.
func (h *windowsHost) Standing(_ context.Context, allow Allow) (err error) {
	e, err := openEngine()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	filters := wfpFilters(allow)
	for n, f := range filters {
		if f.boot {
			continue
		}
		if err := e.same(n, f); err != nil {
			return fmt.Errorf("filter %q: %w", f, err)
		}
	}
	switch found, err := e.filter(len(filters)); {
	case errors.Is(err, errFilterNotFound):
		return nil
	case err != nil:
		return err
	default:
		e.free(&found)
		return errors.New("there are filters for other servers")
	}
}

// Watch: the engine calls back from threads of its own; looking now and then is safer
// than to be called into Go from there.
func (h *windowsHost) Watch(context.Context, func()) error { return ErrUnsupported }

func (h *windowsHost) Open(context.Context) error {
	e, err := openEngine()
	if err != nil {
		return err
	}
	if err := errors.Join(e.inOne(e.take), e.Close()); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return nil
}

func (h *windowsHost) Plan(allow Allow) []string { return wfpPlan(allow) }

// endConnections ends what is open to elsewhere, so that nothing goes on after a release.
// Windows has a call for TCP over IPv4 only (SetTcpEntry); filters silence the others.
func endConnections(allow Allow) {
	set := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("SetTcpEntry")
	table, err := socketTable(tcpTable4)
	if err != nil || set.Find() != nil {
		return
	}
	for _, row := range rows(table, tcpTable4) {
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte(row[12:16])), binary.BigEndian.Uint16(row[16:]))
		if !ends(remote, allow) {
			continue
		}
		const deleteTCB = 12 // MIB_TCP_STATE_DELETE_TCB
		entry := append([]byte(nil), row[:20]...)
		binary.LittleEndian.PutUint32(entry, deleteTCB)
		_, _, _ = set.Call(uintptr(unsafe.Pointer(&entry[0]))) // it may have ended by itself
	}
}
