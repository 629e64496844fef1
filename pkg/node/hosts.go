package node

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
)

// hosts are the addresses that we publish. They are those of the settings, but
// for one that was this machine's and is so no longer: another address of the
// machine stands in for it, because peers refuse a router that does not come
// from where it says. An address that never was the machine's own belongs to
// something that stands before it, and stays.
type hosts struct {
	publishable func(netip.Addr) bool

	mu      sync.Mutex
	asked   []netip.Addr
	local   []netip.Addr
	own     map[netip.Addr]bool // of asked: those that were seen here
	publish []netip.Addr
	note    string // what differs from the settings
}

func newHosts(asked []netip.Addr, publishable func(netip.Addr) bool) *hosts {
	return &hosts{asked: asked, publishable: publishable, own: map[netip.Addr]bool{}, publish: asked}
}

// moved takes the machine's addresses, and reports whether what we publish
// differs from before.
func (h *hosts) moved(local []netip.Addr) (changed bool, note string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.look(local)
}

// ask takes other addresses from the settings.
func (h *hosts) ask(asked []netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked, h.publish = asked, asked
	h.look(h.local)
}

func (h *hosts) look(local []netip.Addr) (changed bool, note string) {
	fresh := slices.DeleteFunc(slices.Clone(local), func(a netip.Addr) bool { return slices.Contains(h.local, a) })
	candidates := slices.Concat(h.publish, fresh, local) // what stands in already is best
	h.local = local
	var publish []netip.Addr
	var notes []string
	for _, a := range h.asked {
		here := a.IsLoopback() || slices.Contains(local, a)
		h.own[a] = h.own[a] || here
		if here || !h.own[a] {
			publish = append(publish, a)
			continue
		}
		i := slices.IndexFunc(candidates, func(b netip.Addr) bool {
			return b.Is4() == a.Is4() && !b.IsLoopback() && h.publishable(b) && slices.Contains(local, b) &&
				!slices.Contains(h.asked, b) && !slices.Contains(publish, b)
		})
		note := fmt.Sprintf("%s is no address of this machine any more, ", a)
		if i < 0 {
			notes = append(notes, note+"and no other can be published")
			continue
		}
		publish = append(publish, candidates[i])
		notes = append(notes, note+fmt.Sprintf("%s is published in its place", candidates[i]))
	}
	changed = !slices.Equal(publish, h.publish)
	h.publish, h.note = publish, strings.Join(notes, "; ")
	return changed, h.note
}

// now are the addresses to publish.
func (h *hosts) now() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.publish
}

// here are the machine's addresses.
func (h *hosts) here() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.local
}

func (h *hosts) notes() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.note
}

// source is the address to dial from: the one that we publish, as peers want
// it, if it is the machine's.
func (h *hosts) source(to netip.Addr) netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.publish {
		if a.Is4() == to.Is4() && a.IsLoopback() == to.IsLoopback() && (a.IsLoopback() || slices.Contains(h.local, a)) {
			return a
		}
	}
	return netip.Addr{}
}

// part publishes other addresses, where that needs nothing else to be bound.
func (h *hosts) part() reload.Part {
	return reload.Part{Keys: "host", Prepare: func(from, to config.Config) (func(), error) {
		if !slices.Equal(from.ListenAddrs(), to.ListenAddrs()) {
			return nil, nil
		}
		return func() { h.ask(to.PublishedHosts()) }, nil
	}}
}
