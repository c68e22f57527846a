package web

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// checkHTML holds what every page owes its readers: one heading, a label for each
// control, no code or style in the page, ids that are unique, and no missing text.
func checkHTML(t *testing.T, name, body string) {
	t.Helper()
	if i := strings.Index(body, "⟦"); i >= 0 {
		t.Errorf("%s: a text is missing: %s", name, body[i:min(i+80, len(body))])
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p := &pageCheck{t: t, name: name, ids: map[string]bool{}, labels: map[string]bool{}}
	p.walk(doc, false)
	if p.h1 != 1 {
		t.Errorf("%s: %d h1, want 1", name, p.h1)
	}
	for _, id := range p.controls {
		if !p.labels[id] {
			t.Errorf("%s: the control %q has no label", name, id)
		}
	}
	for _, ref := range p.refs {
		if !p.ids[ref] {
			t.Errorf("%s: something points at the id %q, which does not exist", name, ref)
		}
	}
}

type pageCheck struct {
	t        *testing.T
	name     string
	h1       int
	ids      map[string]bool
	labels   map[string]bool
	controls []string
	refs     []string
}

func (p *pageCheck) walk(n *html.Node, labelled bool) {
	if n.Type == html.ElementNode {
		a := map[string]string{}
		for _, x := range n.Attr {
			a[x.Key] = x.Val
			if x.Key == "style" || strings.HasPrefix(x.Key, "on") {
				p.t.Errorf("%s: <%s %s> is inline code", p.name, n.Data, x.Key)
			}
		}
		if id := a["id"]; id != "" {
			if p.ids[id] {
				p.t.Errorf("%s: the id %q stands twice", p.name, id)
			}
			p.ids[id] = true
		}
		p.refs = append(p.refs, strings.Fields(a["aria-describedby"])...)
		p.refs = append(p.refs, strings.Fields(a["aria-labelledby"])...)
		switch n.Data {
		case "h1":
			p.h1++
		case "style":
			p.t.Errorf("%s: an inline style sheet", p.name)
		case "script":
			if a["src"] == "" {
				p.t.Errorf("%s: an inline script", p.name)
			}
		case "img":
			if _, ok := a["alt"]; !ok {
				p.t.Errorf("%s: an image without alt", p.name)
			}
		case "label":
			labelled = true
			p.labels[a["for"]] = true
		case "input", "select", "textarea":
			if a["type"] != "hidden" && !labelled && a["aria-label"] == "" {
				p.controls = append(p.controls, a["id"])
			}
		case "button":
			if strings.TrimSpace(text(n)) == "" && a["aria-label"] == "" {
				p.t.Errorf("%s: a button without words", p.name)
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.walk(c, labelled)
	}
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	out := ""
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out += text(c)
	}
	return out
}
