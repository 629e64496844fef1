// Package words writes numbers as people read them, and reads text as their editors leave it.
package words

import (
	"bytes"
	"fmt"
	"time"
)

// Count is a number of things: "1 router", "2 routers".
func Count[N int | int64 | uint64](n N, one string) string { return Counted(n, one, one+"s") }

// Counted is Count for things whose plural has no s.
func Counted[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Verb is the first form for one, the second for several: "is" and "are".
func Verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Bytes is an amount of data with three digits, in decimal units: "999 B", "1.23 MB".
func Bytes[N int | int64 | uint64](n N) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB", "PB"} {
		v /= 1000
		switch { // below what would be rounded up to four digits
		case v < 9.995:
			return fmt.Sprintf("%.2f %s", v, unit)
		case v < 99.95:
			return fmt.Sprintf("%.1f %s", v, unit)
		case v < 999.5:
			return fmt.Sprintf("%.0f %s", v, unit)
		}
	}
	return fmt.Sprintf("%.0f EB", v/1000)
}

// Span is a duration by its two largest units: "3 d 4 h", "5 min 12 s", "0 s".
func Span(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 s"
}

// mark is the byte order mark, U+FEFF.
var mark = []byte("\ufeff")

// Unmarked is text without byte order marks: some editors and consoles begin files with one,
// and files that were joined have them in the middle, too.
func Unmarked(text []byte) []byte {
	text = bytes.TrimPrefix(text, mark)
	if !bytes.Contains(text, mark) {
		return text // without a copy, as of keys
	}
	return bytes.ReplaceAll(text, mark, nil)
}
