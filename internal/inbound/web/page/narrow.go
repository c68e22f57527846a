package page

import (
	"net/http"
	"time"
)

// Narrow is a cookie that goes to one folder of the site alone, and never along with a
// link or a form from elsewhere.
type Narrow struct {
	Name string
	Path string
}

func (n Narrow) cookie(k *Kit, value string) *http.Cookie {
	c := k.cookie(n.name(k), value)
	c.Path, c.SameSite = n.Path, http.SameSiteStrictMode
	return c
}

func (n Narrow) name(k *Kit) string {
	if k.Secure {
		return "__Secure-" + n.Name
	}
	return n.Name
}

// Set hands the cookie out for a time.
func (n Narrow) Set(w http.ResponseWriter, k *Kit, value string, age time.Duration) {
	c := n.cookie(k, value)
	c.MaxAge = int(age.Seconds())
	http.SetCookie(w, c)
}

// Get gives the cookie's value; "" when the browser has none.
func (n Narrow) Get(r *Request) string {
	c, err := r.Cookie(n.name(r.Kit))
	if err != nil {
		return ""
	}
	return c.Value
}

// Drop takes the cookie back.
func (n Narrow) Drop(w http.ResponseWriter, k *Kit) {
	c := n.cookie(k, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}
