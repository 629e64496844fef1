package cli

import (
	"encoding/json"
	"testing"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"key.dat":               "key.dat",
		"Schlüssel 鍵 \\n":       "Schlüssel 鍵 \\n",
		"\x1b[31mred\x1b[0m\a":  `\x1b[31mred\x1b[0m\a`,
		"a\nb\tc\rd":            `a\nb\tc\rd`,
		"\x7f\u009b2J":          `\x7f\u009b2J`,
		"\x9b2J\xff":            `\x9b2J\xff`,
		"user\u202etxt.exe":     `user\u202etxt.exe`,
		"\u2066a\u2069\ufeff":   `\u2066a\u2069\ufeff`,
		"a\u2028b\u00a0c":       `a\u2028b\u00a0c`,
		"\ufffd \U000e0001":     "\ufffd \\U000e0001",
		"i2p-x: \x00\x01 and ü": `i2p-x: \x00\x01 and ü`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q becomes %q, expected %q", in, got, want)
		}
	}
}

func TestCleanJSON(t *testing.T) {
	text := "a\x1b\x7f\u009b\u202e\u2066 ü\U0001f600\n"
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	clean := cleanJSON(b)
	if want := `"a\u001b\u007f\u009b\u202e\u2066 ü😀\n"`; string(clean) != want {
		t.Errorf("%s, expected %s", clean, want)
	}
	var back string
	if err := json.Unmarshal(clean, &back); err != nil || back != text {
		t.Errorf("it is read as %q (%v), expected %q", back, err, text)
	}
}
