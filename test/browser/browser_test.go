// Package browser lives the stories in a real Chromium against the real demo: on a PC
// and a phone, in both languages, light and dark, with and without script.
package browser

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/app"
	"sekimori/internal/testkit/chrome"
)

var pictures = flag.String("pictures", "", "folder to write the pages' pictures to")

// demoURL is where the one demo of this test process answers.
var demoURL string

// demoIntake is where it takes mails.
var demoIntake string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withDemo(m))
}

func withDemo(m *testing.M) int {
	if testing.Short() {
		return m.Run() // every test is skipped: they need a browser
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := app.Demo(ctx, app.DemoOptions{Listen: "127.0.0.1:0", Lang: "ja"}, in, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		in.CloseWithError(fmt.Errorf("demo ended: %w", err))
		done <- err
	}()
	lines := bufio.NewScanner(out)
	for (demoURL == "" || demoIntake == "") && lines.Scan() {
		switch s := strings.TrimSpace(lines.Text()); {
		case strings.HasPrefix(s, "http://"):
			demoURL = s
		case strings.HasPrefix(s, "127.0.0.1:"):
			demoIntake = s
		}
	}
	if demoURL == "" || demoIntake == "" {
		fmt.Fprintln(os.Stderr, "the demo did not start:", lines.Err())
		return 1
	}
	go io.Copy(io.Discard, out)
	code := m.Run()
	stop()
	if err := <-done; err != nil {
		fmt.Fprintln(os.Stderr, "the demo ended badly:", err)
		return 1
	}
	return code
}

// open starts a browser and signs the person in; number "" stays at the door.
func open(t *testing.T, number string, o chrome.Options) *chrome.Page {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped under -short: needs Chromium")
	}
	p := chrome.New(t, o)
	if o.Lang == "en" {
		p.Navigate(demoURL + "/language?to=en")
	}
	if number == "" {
		p.Navigate(demoURL + "/login")
		return p
	}
	signIn(p, demoURL+"/login", number)
	if strings.Contains(p.URL(), "/login") {
		t.Fatalf("could not sign in as p%s:\n%s", number, p.Text("main"))
	}
	return p
}

// signIn signs a person of the demo in on the page at an address.
func signIn(p *chrome.Page, at, number string) {
	p.Navigate(at)
	p.Type(`input[name="login"]`, "p"+number)
	p.Type(`input[name="password"]`, "sekimori-demo")
	p.Follow(`form[action="/login"] button:not([name])`)
}

// sound fails the test when a page broke a rule that every page keeps.
func sound(t *testing.T, p *chrome.Page, where string) {
	t.Helper()
	for _, e := range p.Errors() {
		t.Errorf("%s: console: %s", where, e)
	}
	for _, e := range p.Audit() {
		t.Errorf("%s: %s", where, e)
	}
	shaped(t, p, where)
}

// shaped is sound without the console, on which a browser notes every refusal.
func shaped(t *testing.T, p *chrome.Page, where string) {
	t.Helper()
	var wide bool
	p.Eval("document.documentElement.scrollWidth > document.documentElement.clientWidth", &wide)
	if wide {
		t.Errorf("%s: the page is wider than the screen", where)
	}
	if n := p.Count("h1"); n != 1 {
		t.Errorf("%s: %d main headings, want 1", where, n)
	}
	if strings.Contains(p.Text("body"), "⟦") {
		t.Errorf("%s: a text is missing from the catalogue:\n%s", where, p.Text("body"))
	}
}

// TestReportInThreePresses: an employee tells what happened with three presses and one
// typed line, and sees on the receipt, without doing anything, that somebody answers.
func TestReportInThreePresses(t *testing.T) {
	for _, o := range []chrome.Options{{Width: 1280, Height: 900, Lang: "ja"}, {Width: 390, Height: 844, Lang: "ja", Mobile: true}} {
		t.Run(fmt.Sprint(o.Width), func(t *testing.T) {
			p := open(t, "1103", o)
			p.Navigate(demoURL + "/report")
			if n := p.Count(".tile"); n != 10 {
				t.Fatalf("%d tiles, want ten", n)
			}
			p.Follow(`a[href="/report/virus"]`) // press 1
			first := p.Text("main")
			if cable, form := strings.Index(first, "ケーブル"), p.Exists(`input[name="summary"], textarea[name="summary"]`); cable < 0 || !form {
				t.Errorf("an infection must show the cable before anything else:\n%s", first)
			}
			p.Type(`[name="summary"]`, "添付を開いたら画面が固まった")
			p.Follow(`form[action="/report/virus"] button[type="submit"], form[action="/report/virus"] button:not([type])`) // press 2
			if !strings.Contains(p.URL(), "/receipt/INC-") {
				t.Fatalf("after sending at %s:\n%s", p.URL(), p.Text("main"))
			}
			label := p.URL()[strings.Index(p.URL(), "INC-"):]
			sound(t, p, "receipt")
			if n := p.Count(`a[href^="tel:"]`); n < 2 {
				t.Errorf("%d telephone links on the receipt, want those of both receivers", n)
			}

			manager := open(t, "1402", chrome.Options{Width: 1280, Height: 900, Lang: "ja"})
			manager.Navigate(demoURL + "/cases/" + label)
			manager.Follow(`form[action*="/ack"] button`)
			p.WaitText("main", "受け付けた") // the reporter's page tells by itself
			sound(t, manager, "case")
		})
	}
}

// TestWithoutScript: everything works as plain forms.
func TestWithoutScript(t *testing.T) {
	p := open(t, "1104", chrome.Options{Width: 390, Height: 844, Lang: "ja", Mobile: true, NoScript: true})
	p.Navigate(demoURL + "/report/lost")
	p.Type(`[name="summary"]`, "社員証をなくした")
	p.Follow(`form[action="/report/lost"] button[type="submit"], form[action="/report/lost"] button:not([type])`)
	if !strings.Contains(p.URL(), "/receipt/INC-") {
		t.Fatalf("after sending at %s", p.URL())
	}
}

// TestEveryPageIsSound opens every page in both languages, light and dark, on a PC and
// a phone, and takes the pictures of the documentation when asked.
func TestEveryPageIsSound(t *testing.T) {
	pages := []struct{ name, number, path string }{
		{"login", "", "/login"}, {"report", "1102", "/report"}, {"form", "1102", "/report/virus"}, {"tallies", "1102", "/tallies"},
		{"account", "1102", "/account"}, {"morning", "1402", "/morning"}, {"cases", "1402", "/cases"}, {"people", "1402", "/people"},
		{"import", "1402", "/people/import"}, {"duties", "1402", "/people/duties"}, {"steps", "1402", "/settings/steps"},
		{"policy", "1402", "/settings/policy"}, {"record", "1406", "/record"}, {"health", "1406", "/health"}, {"outbox", "1402", "/outbox"},
		{"receipt", "1102", "virus"}, {"case", "1502", "virus"}, {"device", "1502", "device"}, {"devices", "1502", "/devices"},
		{"enrol", "1502", "/devices/enrol"}, {"envelope", "1402", "missent"}, {"offline", "1102", "/report/offline"},
	}
	for _, lang := range []string{"ja", "en"} {
		for _, dark := range []bool{false, true} {
			for _, phone := range []bool{false, true} {
				o := chrome.Options{Width: 1280, Height: 900, Lang: lang, Dark: dark}
				look := "desktop-" + lang + "-light"
				if phone {
					o.Width, o.Height, o.Mobile = 390, 844, true
					look = "phone-" + lang + "-light"
				}
				if dark {
					look = strings.Replace(look, "light", "dark", 1)
				}
				t.Run(look, func(t *testing.T) {
					var p *chrome.Page
					who := "-"
					for _, pg := range pages {
						if pg.number != who {
							p, who = open(t, pg.number, o), pg.number
						}
						path := pg.path
						if path == "device" {
							path = findDevice(t, p)
						}
						if !strings.HasPrefix(path, "/") {
							path = findCase(p, pg.name, path)
						}
						p.Navigate(demoURL + path)
						sound(t, p, pg.name)
						if *pictures != "" {
							p.Screenshot(filepath.Join(*pictures, pg.name+"-"+look+".png"))
						}
					}
				})
			}
		}
	}
}

// findDevice gives the path of the PC that the demo's story has cut off, which is the
// first of the list.
func findDevice(t *testing.T, p *chrome.Page) string {
	t.Helper()
	for range 100 {
		p.Navigate(demoURL + "/devices")
		if p.Exists(`a[href^="/devices/dev_"]`) && strings.Contains(p.Text("main"), "PC-1102") {
			return p.Attr(`a[href^="/devices/dev_"]`, "href")
		}
		time.Sleep(100 * time.Millisecond) // the demo's PCs enrol once its server answers
	}
	t.Fatal("the demo has no PCs")
	return ""
}

// findCase gives the path of the newest case of a kind that the person may see.
func findCase(p *chrome.Page, name, kind string) string {
	p.Navigate(demoURL + "/cases?kind=" + kind)
	label := p.Attr(`a[href*="INC-"]`, "href")
	label = label[strings.Index(label, "INC-"):]
	if name == "receipt" {
		return "/receipt/" + label
	}
	return "/cases/" + label
}
