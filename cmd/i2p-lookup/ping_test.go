package main

import (
	"testing"
	"time"
)

func TestStatistics(t *testing.T) {
	var p pings
	p.Sent = 4
	for _, ms := range []int{100, 300, 200} {
		p.add(time.Duration(ms) * time.Millisecond)
	}
	if got, want := p.String(), "4 sent, 3 received, 25% loss, rtt min/avg/max/mdev = 100/200/300/82 ms"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := (&pings{Sent: 2}).String(), "2 sent, 0 received, 100% loss"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
