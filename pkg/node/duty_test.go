package node

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/presence"
)

// TestDuty: what the settings say goes first; a router that may find out itself is none
// before it has, and a hidden one never.
func TestDuty(t *testing.T) {
	var d duty
	tell := func(s config.Config, serves bool, why string) {
		t.Helper()
		if got, reason := d.tell(s); got != serves || reason != why {
			t.Errorf("%v, because %q; expected %v, because %q", got, reason, serves, why)
		}
	}
	tell(config.Config{}, false, "the settings do not say so")
	tell(config.Config{FloodfillAuto: true}, false, "the router has not looked yet whether it can")
	tell(config.Config{FloodfillAuto: true, Floodfill: true}, true, "the settings say so")
	var v presence.Volunteer
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v.Judge(now, presence.Capacity{Class: 'X'})
	d.found(&v)
	tell(config.Config{FloodfillAuto: true}, false, "others cannot dial it: it publishes no address")
	is := presence.Capacity{Class: 'X', Address: true, Up: time.Hour * 24, Routers: 3000, Sessions: 300, Tunnels: 300}
	for range 70 {
		now = now.Add(presence.JudgeEvery)
		is.Accepted++
		v.Judge(now, is)
	}
	d.found(&v)
	tell(config.Config{FloodfillAuto: true}, true, "since 2026-03-01 13:01:00")
	tell(config.Config{FloodfillAuto: true, Hidden: true}, false, "a hidden router cannot be one")
	tell(config.Config{}, false, "the settings do not say so")
}
