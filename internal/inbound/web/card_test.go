package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What a card says of itself stands under its own names; a stick's ids, and those of a card in
// a reader on USB, are ids of USB.
func TestACardsIDsAreCalledSo(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	for number, x := range map[string]struct{ kind, serial, is, isNot string }{
		"SD-0001":  {"sd_card", "03534453553332478012345678013A", "カードの製造者・OEM ID", "USB ID"},
		"SD-0002":  {"sd_card", "READER-7", "USB ID", "カードの製造者"},
		"USB-0009": {"usb_memory", "03534453553332478012345678013B", "USB ID", "カードの製造者"},
	} {
		w.post("admin", "/assets/new", url.Values{"number": {number}, "kind": {x.kind}, "model": {"架空 SD-1"}, "capacity": {"32"}, "encryption": {"none"},
			"vendor": {"0003"}, "product": {"5344"}, "serial": {x.serial}, "department": {"dpt_top"}, "keeper": {"0006"}, "place": {"本社3階"}})
		rec := w.ask("keeper", "ja", "/assets/"+number, nil)
		body := rec.Body.String()
		if rec.Code != http.StatusOK || !strings.Contains(body, x.is) || strings.Contains(body, x.isNot) || !strings.Contains(body, "0003:5344") {
			t.Errorf("%s: status %d, %v", number, rec.Code, body)
		}
	}
}
