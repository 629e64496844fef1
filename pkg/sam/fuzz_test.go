package sam

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzCommand(f *testing.F) {
	for _, line := range []string{
		"", "HELLO VERSION MIN=3.0 MAX=3.3", `SESSION CREATE STYLE=STREAM ID="a b" DESTINATION=TRANSIENT x=`, `A B C="d\"e\\f" G`, "PING  x ", "\x00", "é É=É", `A B "`, "A B =c", `A B "="`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := ParseCommand(line)
		if err != nil {
			if c.Verb != "" || c.Args != nil {
				t.Error("an error with a command")
			}
			return
		}
		if c.Verb == "PING" || c.Verb == "PONG" {
			return
		}
		again := c.Verb + " " + c.Sub
		for _, a := range c.Args { // a key that needs quotes, and a tab in a value, are taken as they are, and not written so
			if !isKey(a.Key) || strings.Contains(a.Value, "\t") {
				return
			}
			again += " " + a.Key + "=" + quote(a.Value)
		}
		if c.Verb == "" || c.Sub == "" || strings.ContainsAny(again, "\t\u0085") {
			return
		}
		d, err := ParseCommand(again)
		if err != nil || d.Verb != c.Verb || d.Sub != c.Sub || len(d.Args) != len(c.Args) {
			t.Fatalf("%q: %+v; %q: %+v, %v", line, c, again, d, err)
		}
		for i := range d.Args {
			if d.Args[i] != c.Args[i] {
				t.Errorf("%q: %q, %q", line, c.Args[i], d.Args[i])
			}
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("3.0 id dest\nx"))
	f.Add([]byte("3.3 id dest FROM_PORT=1 TO_PORT=\"2\"\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			if p.Payload != nil || p.ID != "" {
				t.Error("an error with a datagram")
			}
			return
		}
		if !bytes.HasSuffix(b, p.Payload) || p.ID == "" || p.Destination == "" || strings.ContainsAny(p.ID+p.Destination, " \n") {
			t.Errorf("%q: %+v", b, p)
		}
	})
}
