package bob

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
)

// FuzzCommands says lines in one conversation. Each but an empty one has an answer, of lines that are whole, and
// what help does not know is refused.
func FuzzCommands(f *testing.F) {
	text, err := os.ReadFile("testdata/conversation.txt")
	if err != nil {
		f.Fatal(err)
	}
	var all strings.Builder
	in := bufio.NewScanner(strings.NewReader(string(text)))
	for in.Scan() {
		if line, is := strings.CutPrefix(in.Text(), "> "); is {
			f.Add(line)
			all.WriteString(line + "\n")
		}
	}
	f.Add(all.String())
	none := errors.New("there is no network")
	f.Fuzz(func(t *testing.T, text string) {
		s := New(Config{
			Open: func(context.Context, string, *i2p.PrivateKeys, bool, map[string]string) (Local, error) {
				return nil, none
			},
			Known: func(string) (i2p.Destination, error) { return i2p.Destination{}, none },
		})
		turns := 0
		c := &conversation{s: s, ctx: t.Context(), work: func(f func()) { turns++; f() }}
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			before := turns
			answer := c.do(line)
			words := strings.Fields(line)
			switch {
			case len(words) > 0 && turns != before+1:
				t.Fatalf("%q has %d turns", line, turns-before)
			case len(words) == 0 && answer != nil:
				t.Fatalf("%q: %q", line, answer)
			case len(words) > 0 && answer == nil && !strings.EqualFold(words[0], "help") && !strings.EqualFold(words[0], "zap"):
				t.Fatalf("no answer to %q", line)
			}
			for _, a := range answer {
				if strings.ContainsAny(a, "\r\n") || !strings.HasPrefix(a, "OK") && !strings.HasPrefix(a, "ERROR ") && !strings.HasPrefix(a, "DATA ") {
					t.Fatalf("%q: %q", line, a)
				}
			}
		}
	})
}
