package transport

import (
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		sent, dropped   int
		busy, congested bool
	}{{0, 0, false, false}, {50, 0, false, false}, {1000, 0, true, false}, {1000, 40, true, false}, {1000, 60, true, true}, {50, 9, false, false}} {
		l := load{since: time.Minute}
		l.count(time.Minute, c.sent, c.dropped)
		l.count(time.Minute+loadWindow, 0, 0)
		if l.busy != c.busy || l.congested != c.congested {
			t.Errorf("%+v: busy %v, congested %v", c, l.busy, l.congested)
		}
		if l.count(time.Minute+4*loadWindow, 0, 0); l.busy || l.congested {
			t.Errorf("%+v: it lasts for ever", c)
		}
	}
}
