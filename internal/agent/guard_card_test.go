package agent

import (
	"testing"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

const cardAt = "mmc0:aaaa"

// aCard is a card of this serial in a reader that is built in.
func aCard(serial string) host.USBDevice {
	return host.USBDevice{Card: true, Vendor: 0x03, Product: 0x5344, Serial: serial, Model: "SU32G"}
}

func (w *watchman) cardLoan(serial, token string) wire.Medium {
	m := w.loan("SD-1", token, -time.Hour, time.Hour)
	m.Vendor, m.Product, m.Serial = "0003", "5344", serial
	return m
}

// TestCardFromRegistrationToItsEnd: a card in a reader that is built in is held unless it is
// registered and lent, as a stick is.
func TestCardFromRegistrationToItsEnd(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.ports.plug(cardAt, aCard("0353445355"), "") // bound and mounted before there was a guard
	w.told("refused unknown")
	if e := w.last(); e.Class != classReader || e.Vendor != "0003" || e.Product != "5344" || e.Serial != "0353445355" || e.Name != "SU32G" {
		t.Errorf("%+v", e)
	}
	if w.ports.works(cardAt, 0) || w.ports.count("eject "+cardAt) != 1 {
		t.Errorf("%q", w.ports.calls)
	}
	w.ports.unplug(cardAt)
	w.settle()
	w.forget()

	token := w.token("tok_card", "SD-1")
	w.mu.Lock()
	w.order.media.Register = &wire.Registration{ID: "reg_1", Asset: "SD-1", Token: token, Until: wire.MicrosOf(w.m.clock().Now().Add(time.Hour))}
	w.mu.Unlock()
	w.settle()
	w.ports.plug(cardAt, aCard("0353445355"), "")
	w.told("registered SD-1")
	if e := w.last(); e.Class != classReader || e.Token != "tok_card" || e.Capacity == 0 {
		t.Errorf("%+v", e)
	}
	if w.ports.works(cardAt, 0) {
		t.Error("it is registered, and lent to nobody")
	}
	w.forget()
	w.allow(w.cardLoan("0353445355", "tok_card"))
	w.told("admitted SD-1")
	if !w.ports.works(cardAt, 0) || w.ports.count("offer sd"+cardAt) != 1 {
		t.Errorf("%q", w.ports.calls)
	}
	w.restart("boot-1")
	w.told("admitted SD-1")
	w.m.pass(2 * time.Hour)
	w.told("admitted SD-1", "ended over SD-1")
	if w.ports.works(cardAt, 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestCardsThatAreNotTheOneLent are held: another one, one without our token, and one that
// does not say which it is, whatever it is lent as.
func TestCardsThatAreNotTheOneLent(t *testing.T) {
	t.Parallel()
	for why, c := range map[string]struct{ serial, lent, token string }{
		wire.WhyUnknown:            {"0353445355", "0353445356", "tok_card"},
		wire.WhyNoToken:            {"0353445355", "0353445355", ""},
		wire.WhyBadToken:           {"0353445355", "0353445355", "tok_other"},
		wire.WhyUnknown + " quiet": {"", "", "tok_card"},
	} {
		w := newWatchman(t)
		w.allow(w.cardLoan(c.lent, "tok_card"))
		w.settle()
		text := ""
		if c.token != "" {
			text = w.token(c.token, "SD-1")
		}
		w.ports.plug(cardAt, aCard(c.serial), text)
		want := "refused unknown"
		if why != wire.WhyUnknown && c.serial != "" {
			want = "refused " + why
		}
		w.told(want)
		if w.ports.works(cardAt, 0) {
			t.Errorf("%s: %q", why, w.ports.calls)
		}
	}
}

// TestOffGivesCardsBack to their driver.
func TestOffGivesCardsBack(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug(cardAt, aCard("0353445355"), "")
	w.told("refused unknown")
	w.mode(wire.GuardOff)
	w.settle()
	if !w.ports.works(cardAt, 0) {
		t.Errorf("%q", w.ports.calls)
	}
}
