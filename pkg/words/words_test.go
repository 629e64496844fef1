package words

import (
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 floodfills", 1: "1 floodfill", 2: "2 floodfills"} {
		if got := Count(n, "floodfill"); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if got := Counted(uint64(3), "entry", "entries"); got != "3 entries" {
		t.Error(got)
	}
	if Verb(1, "is", "are") != "is" || Verb(0, "is", "are") != "are" {
		t.Error("a verb does not agree")
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.00 kB", 1234: "1.23 kB", 9994: "9.99 kB", 9995: "10.0 kB", 12345: "12.3 kB",
		99_949: "99.9 kB", 99_950: "100 kB", 123_456: "123 kB", 999_499: "999 kB", 999_500: "1.00 MB", 5_250_000_000: "5.25 GB", 1 << 63: "9 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, expected %s", n, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 312 * time.Second: "5 min 12 s",
		time.Hour + time.Second: "1 h", 25 * time.Hour: "1 d 1 h", 100*24*time.Hour + time.Hour: "100 d 1 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s, expected %s", d, got, want)
		}
	}
}

func TestUnmarked(t *testing.T) {
	const mark = "\ufeff"
	for text, want := range map[string]string{
		"":                        "",
		"plain":                   "plain",
		mark:                      "",
		mark + "one":              "one",
		mark + "a\n" + mark + "b": "a\nb",
		mark[:2]:                  mark[:2],
	} {
		if got := string(Unmarked([]byte(text))); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
