package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	var times []time.Duration
	for ms := 100; ms >= 1; ms-- {
		times = append(times, time.Duration(ms)*time.Millisecond)
	}
	got := spreadOf(times, 2)
	if want := (spread{Count: 100, Failed: 2, First: 100, Min: 1, P50: 50, P90: 90, P99: 99, Max: 100}); got != want {
		t.Errorf("spread %+v, want %+v", got, want)
	}
	if got, want := spreadOf(times[:1], 0), (spread{Count: 1, First: 100, Min: 100, P50: 100, P90: 100, P99: 100, Max: 100}); got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
	if got := spreadOf(nil, 3); got != (spread{Failed: 3}) {
		t.Errorf("of none: %+v", got)
	}
}

func TestIdentify(t *testing.T) {
	for _, tt := range []struct{ says, want string }{
		{benchOK, benchPeer},
		{benchHello + "echo\n", benchEcho},
		{benchHello + "ech", benchEcho},
		{"HTTP/1.1 400 Bad Request\r\n", benchOther},
		{"", benchOther}, // it ends
	} {
		ours, theirs := net.Pipe()
		go func() {
			io.CopyN(io.Discard, theirs, int64(len(benchHello+"echo\n")))
			io.WriteString(theirs, tt.says)
			theirs.Close()
		}()
		if got, err := identify(ours, time.Minute); err != nil || got != tt.want {
			t.Errorf("one that says %q is %s (%v), want %s", tt.says, got, err, tt.want)
		}
		ours.Close()
	}
}

// FuzzAsk: what a stranger says first is an error or one of three verbs, and never makes the peer
// send more than it is to.
func FuzzAsk(f *testing.F) {
	f.Add("i2p-bench 1 echo\nabc")
	f.Add("i2p-bench 1 take\nabc")
	f.Add("i2p-bench 1 give 10\n")
	f.Add("i2p-bench 1 give 1073741825\n")
	f.Add(strings.Repeat("x", maxBenchAsk+1))
	f.Fuzz(func(t *testing.T, text string) {
		verb, n, err := readAsk(bufio.NewReader(strings.NewReader(text)))
		if err != nil || n > 1<<16 {
			return
		}
		var out bytes.Buffer
		if err := answer(bufio.NewReader(strings.NewReader(text)), &out); err != nil {
			t.Fatal(err)
		}
		most := len(benchOK) + len(text)
		if verb == "give" {
			most = len(benchOK) + int(n)
		}
		if out.Len() > max(most, len(benchOK)+20) {
			t.Errorf("%q: %d bytes", text, out.Len())
		}
	})
}
