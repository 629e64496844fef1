package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Clean makes text of strangers, of files and of their names fit for a terminal: what is not
// printable (control characters, those that turn the direction of writing, invalid UTF-8) is
// shown as an escape sequence of Go, such as \x1b, \n or \u202e. Everything that the
// programs print goes through it, but results that are bytes, and JSON.
func Clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unfit) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unfit(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// unfit tells runes that are not printed as they are.
func unfit(r rune) bool { return !strconv.IsPrint(r) }

// cleanJSON escapes what encoding/json leaves in strings that a terminal acts upon: the
// value stays the same.
func cleanJSON(b []byte) []byte {
	var out []byte
	from := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r >= 0x7f && unfit(r) && r <= 0xffff {
			out = fmt.Appendf(append(out, b[from:i]...), `\u%04x`, r)
			from = i + n
		}
		i += n
	}
	if out == nil {
		return b
	}
	return append(out, b[from:]...)
}
