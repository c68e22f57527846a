package page

import "testing"

func TestAgentIsNamedInWords(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                  "Chrome · Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0":  "Edge · Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0 Safari/604.1": "Safari · iPhone",
		"Mozilla/5.0 (Linux; Android 15; Pixel) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36":        "Chrome · Android",
		"sekimori-cli/0.1": "sekimori-cli/0.1",
		"":                 "",
	} {
		if got := Agent(sent); got != want {
			t.Errorf("Agent(%q) = %q, want %q", sent, got, want)
		}
	}
}
