package cli

import (
	"strings"
	"testing"
)

const isolatedPC = `{"id":"dev_1","name":"PC-0117","person":{"name":"青木 花子"},"system":"linux/amd64","agent":"0.1.0","online":true,
	"desired_version":3,"applied_version":2,"isolation":{"wanted":true,"failing":true,"problems":["\u001b[31mno right"],
	"order":{"id":"ord_1","kind":"isolate","via":"api","requested":"2026-01-05T00:00:00Z"}},
	"facts":[{"name":"disk","unread":"access denied"}],
	"orders":[{"id":"ord_1","kind":"isolate","via":"api","by":{"name":"井上 拓"},"reason":"不審な通信","requested":"2026-01-05T00:00:00Z","applied":"2026-01-05T00:00:01Z"}]}`

func TestDeviceListAndShow(t *testing.T) {
	t.Parallel()
	f, env := serve(t, reply{200, `{"items":[` + isolatedPC + `],"next":"dev_1"}`}, reply{200, `{"items":[{"id":"dev_2","name":"","dry_run":true}],"next":""}`})
	code, out, errs := play(t, env, "device", "list", "--state", "isolated", "--text", "PC", "--limit", "10")
	if code != 0 || errs != "" || strings.Count(out, "\n") != 2 || !strings.Contains(out, "NOT isolated") || !strings.Contains(out, "青木 花子") || !strings.Contains(out, "Never seen") {
		t.Errorf("exit %d\nout: %s\nerr: %s", code, out, errs)
	}
	if want := "GET /api/v1/devices?after=dev_1&limit=9&q=PC&state=isolated "; len(f.asked) != 2 || f.asked[1] != want {
		t.Errorf("asked %q, want %q", f.asked, want)
	}
	_, env = serve(t, reply{200, isolatedPC})
	code, out, _ = play(t, env, "device", "show", "dev_1")
	if code != 0 || strings.Contains(out, "\x1b") || strings.Contains(out, "⟦") {
		t.Errorf("show: %d %q", code, out)
	}
	for _, want := range []string{"NOT isolated", "no right", "access denied", "不審な通信", "井上 拓"} {
		if !strings.Contains(out, want) {
			t.Errorf("show does not say %q:\n%s", want, out)
		}
	}
	if code, out, _ := play(t, env, "device", "show", "dev_1", "--json"); code != 0 || !strings.Contains(out, `"id": "dev_1"`) {
		t.Errorf("show --json: %d %s", code, out)
	}
}

func TestDeviceVerbs(t *testing.T) {
	t.Parallel()
	order := `{"id":"ord_1","kind":"isolate","via":"api","by":{"name":"井上 拓"},"requested":"2026-01-05T00:00:00Z"}`
	f, env := serve(t, reply{200, order})
	code, out, errs := play(t, env, "device", "isolate", "dev_1", "--incident", "INC-2026-0042", "--wifi")
	if code != 0 || errs != "" || !strings.Contains(out, "Isolate  井上 拓") || len(f.keys) != 1 || f.keys[0] == "" {
		t.Errorf("isolate: exit %d\nout: %s\nerr: %s\nkeys: %q", code, out, errs, f.keys)
	}
	if want := `POST /api/v1/devices/dev_1/isolate {"incident":"INC-2026-0042","reason":"","wifi":true}`; f.asked[0] != want {
		t.Errorf("asked %s", f.asked[0])
	}
	f, env = serve(t, reply{200, strings.Replace(order, "isolate", "release", 1)})
	if code, out, _ := play(t, env, "device", "release", "dev_1", "--reason", "感染なし"); code != 0 || !strings.Contains(out, "Release") || !strings.Contains(f.asked[0], `/release {"reason":"感染なし"}`) {
		t.Errorf("release: %d %s %q", code, out, f.asked)
	}
	f, env = serve(t, reply{200, `{"code":"1234567890","spoken":"12345-67890"}`})
	if code, out, errs := play(t, env, "device", "code", "dev_1", "1234-5678", "--reason", "x"); code != 0 || errs != "" || out != "12345-67890\n" || !strings.Contains(f.asked[0], `"challenge":"1234-5678"`) {
		t.Errorf("code: %d %q %q %q", code, out, errs, f.asked)
	}
	f, env = serve(t, reply{201, `{"secret":"enrol_abc","expires":"2026-01-05T00:00:00Z"}`})
	if code, out, errs := play(t, env, "device", "token", "--person", "0001"); code != 0 || out != "enrol_abc\n" || !strings.Contains(errs, "2026-01-05") || !strings.Contains(f.asked[0], `"minutes":60`) {
		t.Errorf("token: %d %q %q %q", code, out, errs, f.asked)
	}
	for line, want := range map[string]string{"device release dev_1": "give --reason", "device code dev_1 1": "give --reason", "device token": "give --person", "device isolate": "give DEVICE",
		"device code dev_1": "give CHALLENGE", "device list --limit 0": "--limit"} {
		if code, _, errs := play(t, env, strings.Fields(line)...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %s", line, code, errs)
		}
	}
}
