package transport

import (
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/reach"
)

// Finder is a driver that finds out how others reach us.
type Finder interface {
	// Reach tells it, for each family that the driver speaks.
	Reach() []Reach
}

// Reach is how others reach us over one family.
type Reach struct {
	reach.Status
	Introducers int // that we publish
}

// Reach tells how others reach us, as far as a driver finds that out.
func (t *Transport) Reach() (all []Reach) {
	for _, w := range t.drivers() {
		if f, ok := w.Driver.(Finder); ok {
			all = append(all, f.Reach()...)
		}
	}
	return all
}

// testLife is for how long strangers are left for tests: others than those come to no result either.
const testLife = time.Minute

// Testing reports whether a driver is finding out how others reach us, which takes routers to whom there
// is no session.
func (t *Transport) Testing() bool {
	if t.cfg.Hidden != nil && t.cfg.Hidden() {
		return false
	}
	now := t.cfg.Now()
	return slices.ContainsFunc(t.Reach(), func(r Reach) bool { return r.State == reach.Unknown && now.Sub(r.Since) < testLife })
}

// Found are the addresses at which strangers have reached us, whatever the settings say.
func (t *Transport) Found() (hosts []netip.Addr) {
	for _, r := range t.Reach() {
		if r.State == reach.OK && r.Address.IsValid() {
			hosts = append(hosts, r.Address.Addr())
		}
	}
	return hosts
}
