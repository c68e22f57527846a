package agent

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// Classes of things that are plugged in, as events name them.
const (
	classStorage = "storage"
	classPhone   = "phone"
	classReader  = "reader"
)

// verdict is what may become of a device, by its own words alone.
type verdict struct {
	class    string // "" for what is no medium: it works
	why      string // it is held; "" when it may work, once its token is seen
	hold     []int  // the interfaces that are held while the others work …
	whole    bool   // … or there are no others
	look     bool   // first let its interfaces' names be read
	lent     []wire.Medium
	register *wire.Registration
}

// USB classes (usb.org, defined class codes).
const (
	usbAudio   = 0x01
	usbHID     = 0x03
	usbImage   = 0x06 // PTP and MTP
	usbStorage = 0x08 // BOT, UAS and older ways
	usbHub     = 0x09
	usbVideo   = 0x0e
	usbVendor  = 0xff
)

// untouched are never held, whatever else a device says of itself: nobody must lose the
// keyboard.
func untouched(class uint8) bool {
	return class == usbHID || class == usbHub || class == usbAudio || class == usbVideo
}

// judge decides on a device. It changes nothing and knows nothing of other devices.
func judge(d host.USBDevice, m wire.Media, now wire.Micros) verdict {
	if d.Card {
		v := verdict{class: classReader, why: wire.WhyUnknown, whole: true}
		if d.Serial == "" {
			return v // it does not say which one it is
		}
		return v.askedFor(d, m, now)
	}
	numbers := map[int]bool{} // true: may be held
	for _, i := range d.Interfaces {
		numbers[i.Number] = numbers[i.Number] || i.Disk || !untouched(i.Class)
	}
	var storage, others []int // others: neither storage nor untouched
	phone, unread := false, false
	for n, may := range numbers {
		if !may {
			continue
		}
		stores := false
		for _, i := range d.Interfaces {
			if i.Number != n {
				continue
			}
			stores = stores || i.Class == usbStorage || i.Disk
			phone = phone || isPhone(d, i)
			unread = unread || i.Class == usbVendor && i.Name == "" && !d.Authorized
		}
		if stores {
			storage = append(storage, n)
		} else {
			others = append(others, n)
		}
	}
	slices.Sort(storage)
	mayBeHeld := append(slices.Clone(storage), others...)
	slices.Sort(mayBeHeld)
	rest := len(numbers) > len(mayBeHeld)
	switch {
	case phone:
		return verdict{class: classPhone, why: wire.WhyPhone, hold: mayBeHeld, whole: !rest}
	case d.Malformed != "" && (len(mayBeHeld) > 0 || !rest):
		// Not the whole: the kernel may find a keyboard in it where we find nothing.
		return verdict{class: classStorage, why: wire.WhyMalformed, hold: append([]int{}, mayBeHeld...)}
	case unread:
		return verdict{look: true}
	case len(storage) == 0:
		return verdict{}
	}
	v := verdict{class: classStorage, hold: storage, whole: len(storage) == len(numbers)}
	return v.askedFor(d, m, now)
}

// askedFor adds for what a medium is lent, or that it is to be registered.
func (v verdict) askedFor(d host.USBDevice, m wire.Media, now wire.Micros) verdict {
	v.lent, v.why = lentNow(d, m.Allowed, now)
	if v.why == wire.WhyUnknown && m.Register != nil && now < m.Register.Until {
		v.why, v.register = "", m.Register
	}
	return v
}

// lentNow finds the media that a device may be, and whose time it is.
func lentNow(d host.USBDevice, allowed []wire.Medium, now wire.Micros) (lent []wire.Medium, why string) {
	vendor, product := usbID(d.Vendor), usbID(d.Product)
	why = wire.WhyUnknown
	for i := range allowed {
		m := &allowed[i]
		if m.Vendor != vendor || m.Product != product || m.Serial != d.Serial {
			continue
		}
		switch {
		case now >= m.Until:
			if why == wire.WhyUnknown {
				why = wire.WhyOver
			}
		case now < m.From:
			why = wire.WhyEarly
		default:
			lent = append(lent, *m)
		}
	}
	if len(lent) > 0 {
		why = ""
	}
	return lent, why
}

func usbID(n uint16) string { return fmt.Sprintf("%04x", n) }

// pick finds which of the media that a device may be it is, by the token on it. text is
// nil when there is none. A token tells two media of the same make and serial apart; a
// copy of the whole medium, made onto another of the same make and serial, it cannot tell.
// Tokens count as long as the key that has signed them: after that is retired, media are
// registered anew.
func pick(lent []wire.Medium, text []byte, trusted note.Verifiers) (m wire.Medium, token, why string) {
	bare := slices.IndexFunc(lent, func(m wire.Medium) bool { return m.Token == "" })
	if text == nil {
		if bare >= 0 {
			return lent[bare], "", ""
		}
		return wire.Medium{}, "", wire.WhyNoToken
	}
	t, err := wire.OpenMedium(string(text), trusted)
	if err != nil {
		if bare >= 0 && !errors.Is(err, wire.ErrSignature) {
			return lent[bare], "", "" // a file of the same name
		}
		return wire.Medium{}, "", wire.WhyBadToken
	}
	for _, m := range lent {
		if m.Token == t.ID && m.Asset == t.Asset || m.Token == "" && m.Asset == t.Asset {
			return m, t.ID, ""
		}
	}
	return wire.Medium{}, t.ID, wire.WhyBadToken
}

// passing are the interfaces that work while others are held.
func (v verdict) passing(d host.USBDevice) []int {
	out := []int{}
	for _, i := range d.Interfaces {
		if !slices.Contains(v.hold, i.Number) && !slices.Contains(out, i.Number) {
			out = append(out, i.Number)
		}
	}
	return out
}

// open reports whether something works that is to be held.
func (v verdict) open(d host.USBDevice) bool {
	return d.Authorized && (v.whole || slices.ContainsFunc(d.Interfaces, func(i host.USBInterface) bool {
		return i.Authorized && slices.Contains(v.hold, i.Number)
	}))
}

// held are the interfaces to take away: nil for the whole device.
func (v verdict) held() []int {
	if v.whole {
		return nil
	}
	return v.hold
}
