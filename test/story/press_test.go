package story

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/html"
)

// press: press ACTION key=value… sends the form of the open page whose action holds
// ACTION, with the values that the page put into it and those that the person types.
// A person can press only what the page shows.
func (s *stage) press(ts *testscript.TestScript, args []string) error {
	b, err := os.ReadFile(filepath.Join(s.dir, "page.html"))
	if err != nil {
		return err
	}
	doc, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		return err
	}
	form := find(doc, func(n *html.Node) bool {
		return n.Data == "form" && strings.EqualFold(attr(n, "method"), "post") && strings.Contains(attr(n, "action"), args[0]) && asks(n, args[1:]) == ""
	})
	if form == nil {
		form = find(doc, func(n *html.Node) bool {
			return n.Data == "form" && strings.EqualFold(attr(n, "method"), "post") && strings.Contains(attr(n, "action"), args[0])
		})
		if form == nil {
			return fmt.Errorf("the page has no form that leads to %q", args[0])
		}
		return fmt.Errorf("the form %s has no field %q", attr(form, "action"), asks(form, args[1:]))
	}
	values := filled(form)
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(a, "=")
		values.Set(k, v)
	}
	at, err := url.Parse(s.browsers[s.who].at)
	if err != nil {
		return err
	}
	to, err := at.Parse(attr(form, "action"))
	if err != nil {
		return err
	}
	list := []string{to.RequestURI()}
	for k, vs := range values {
		for _, v := range vs {
			list = append(list, k+"="+v)
		}
	}
	return s.post(ts, list)
}

// asks gives the first typed field that a form does not have; "" when it has them all.
func asks(form *html.Node, typed []string) string {
	for _, a := range typed {
		k, _, _ := strings.Cut(a, "=")
		if find(form, func(n *html.Node) bool { return attr(n, "name") == k }) == nil {
			return k
		}
	}
	return ""
}

// filled is what a browser would send of a form that nobody has typed into.
func filled(form *html.Node) url.Values {
	values := url.Values{}
	find(form, func(n *html.Node) bool {
		name := attr(n, "name")
		switch {
		case name == "":
		case n.Data == "textarea":
			values.Add(name, strings.TrimPrefix(inner(n), "\n"))
		case n.Data == "select":
			values.Add(name, chosen(n))
		case n.Data == "input":
			switch attr(n, "type") {
			case "submit", "button", "file", "password":
			case "checkbox", "radio":
				if attr(n, "checked") != "" {
					values.Add(name, attr(n, "value"))
				}
			default:
				values.Add(name, attr(n, "value"))
			}
		}
		return false
	})
	return values
}

// chosen is a select's value: the option marked so, else the first.
func chosen(sel *html.Node) string {
	on := find(sel, func(n *html.Node) bool { return n.Data == "option" && attr(n, "selected") != "" })
	if on == nil {
		on = find(sel, func(n *html.Node) bool { return n.Data == "option" })
	}
	if on == nil {
		return ""
	}
	return attr(on, "value")
}

func inner(n *html.Node) string {
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// find is the first element, depth first, that f says yes to.
func find(n *html.Node, f func(*html.Node) bool) *html.Node {
	if n.Type == html.ElementNode && f(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := find(c, f); found != nil {
			return found
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			if a.Val == "" && (name == "checked" || name == "selected") {
				return name
			}
			return a.Val
		}
	}
	return ""
}
