package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/outbound/store"
)

// noPost takes no code.
type noPost struct{}

func (noPost) MayReach(directory.Channel, string) error { return nil }
func (noPost) PostCode(context.Context, directory.Contact, directory.Person, string) error {
	return errors.New("no way out in this test")
}

func contactService(db *store.DB, people *directory.Service, now func() time.Time) *directory.Contacts {
	return directory.NewContacts(directory.ContactParts{Store: db, People: people, Vault: openVault{}, Poster: noPost{}, Now: now})
}

// TestContactOfUnreachableRoom: a code that cannot go out is said, the contact is kept to
// try again, and nothing that was typed is shown back but its host.
func TestContactOfUnreachableRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.ask("manager", "ja", "/account/contacts", url.Values{"channel": {"slack"}, "url": {"https://hooks.example/T0/SECRET"}, "name": {"<script>x</script>"}})
	page := rec.Body.String()
	if rec.Code != http.StatusServiceUnavailable || !strings.Contains(page, "コードを送れませんでした") {
		t.Errorf("%d:\n%s", rec.Code, page)
	}
	checkHTML(t, "contact", page)
	for _, text := range []string{"SECRET", "<script>x", "no way out"} {
		if strings.Contains(page, text) {
			t.Errorf("the page says %q", text)
		}
	}
	list := w.get("manager", "/account/contacts")
	if !strings.Contains(list, "hooks.example") || strings.Contains(list, "SECRET") {
		t.Errorf("the list:\n%s", list)
	}
	if strings.Contains(w.log.String(), "SECRET") {
		t.Error("the log says where the contact leads")
	}
	bad := w.ask("manager", "ja", "/account/contacts", url.Values{"channel": {"mail"}, "address": {"nobody"}})
	checkHTML(t, "list", bad.Body.String())
	if bad.Code != http.StatusUnprocessableEntity || !strings.Contains(bad.Body.String(), `id="mail-address-error"`) {
		t.Errorf("%d:\n%s", bad.Code, bad.Body)
	}
	if rec := w.ask("hanako", "ja", "/people/per_manager", nil); strings.Contains(rec.Body.String(), "hooks.example") {
		t.Error("another employee sees the contacts")
	}
	if rec := w.ask("admin", "ja", "/people/per_manager", nil); !strings.Contains(rec.Body.String(), "hooks.example") {
		t.Error("who edits the directory does not see the contacts")
	}
}
