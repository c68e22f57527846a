package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/outbound/store"
)

// codes takes every code.
type codes struct{ last string }

func (c *codes) MayReach(directory.Channel, string) error { return nil }

func (c *codes) PostCode(_ context.Context, _ directory.Contact, _ directory.Person, code string) error {
	c.last = code
	return nil
}

func contactService(db *store.DB, people *directory.Service, now func() time.Time) *directory.Contacts {
	return directory.NewContacts(directory.ContactParts{Store: db, People: people, Vault: openVault{}, Poster: &codes{}, Now: now})
}

func TestContacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.send("per_hanako", "POST", "/api/v1/me/contacts", `{"channel":"webhook","name":"電話","url":"https://hooks.example/SECRET"}`)
	if a.Code != http.StatusCreated || strings.Contains(a.Body.String(), "SECRET") || !strings.Contains(a.Body.String(), `"key":"`) || !strings.Contains(a.Body.String(), `"address":"hooks.example"`) {
		t.Fatalf("%d %s", a.Code, a.Body.String())
	}
	_, rest, _ := strings.Cut(a.Body.String(), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if a := w.send("per_hanako", "GET", "/api/v1/me/contacts", ""); strings.Contains(a.Body.String(), "SECRET") || strings.Contains(a.Body.String(), `"key"`) || !strings.Contains(a.Body.String(), id) {
		t.Errorf("list: %s", a.Body.String())
	}
	for _, tt := range []struct {
		who, method, path, body string
		want                    int
	}{
		{"per_hanako", "POST", "/me/contacts", `{"channel":"pigeon"}`, 422},
		{"per_hanako", "POST", "/me/contacts", `{"channel":"mail","address":"nobody"}`, 422},
		{"per_boss", "POST", "/me/contacts/" + id + "/code", "", 404}, // nobody else's
		{"per_boss", "DELETE", "/me/contacts/" + id, "", 403},
		{"reporter", "GET", "/me/contacts", "", 403}, // a token for reports only
		{"per_hanako", "POST", "/me/contacts/" + id + "/verify", `{"code":"000000"}`, 422},
		{"per_hanako", "POST", "/me/contacts/" + id + "/code", "", 204},
		{"per_hanako", "POST", "/me/contacts/" + id + "/code", "", 429},
		{"per_hanako", "DELETE", "/me/contacts/" + id, "", 204},
		{"per_hanako", "DELETE", "/me/contacts/per_hanako", "", 404}, // the directory's own address
	} {
		if a := w.send(tt.who, tt.method, "/api/v1"+tt.path, tt.body); a.Code != tt.want {
			t.Errorf("%s %s %s: %d %s", tt.who, tt.method, tt.path, a.Code, a.Body.String())
		}
	}
}
