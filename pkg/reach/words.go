package reach

import (
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/origin"
)

// network is one of those whose owners do not know each other, presumably: an IPv4 /16, and of
// IPv6 what a registry gives to a provider. A /48 and more is had for nothing.
type network = netip.Prefix

const providerBits = 32

func networkOf(a netip.Addr) network {
	if a = a.Unmap(); a.Is6() {
		p, _ := a.Prefix(providerBits)
		return p
	}
	n := origin.Of(a)
	return n[len(n)-1]
}

const (
	mostWords = 32               // of as many networks
	wordLife  = time.Hour        // an address stays for long
	portLife  = 10 * time.Minute // and a port as long as a mapping of a NAT, perhaps
	wordPause = time.Minute
)

// word is what a network has said last.
type word struct {
	by   network
	seen netip.AddrPort
	at   time.Time
}

// words are what others have said of our address, the newest last.
type words struct {
	said   []word
	agreed netip.Addr
}

// add notes a word. Who speaks again soon says something else, and is heard no later than before: else a few who go on
// and on would be most of those heard last for ever.
func (w *words) add(now time.Time, by network, seen netip.AddrPort) {
	for i := range w.said {
		if o := &w.said[i]; o.by == by && now.Sub(o.at) < wordPause {
			o.seen = seen
			return
		}
	}
	w.said = slices.DeleteFunc(w.said, func(o word) bool { return o.by == by || now.Sub(o.at) > wordLife })
	if len(w.said) == mostWords {
		w.said = slices.Delete(w.said, 0, 1)
	}
	w.said = append(w.said, word{by, seen, now})
}

// drop forgets what was said for an address that is ours no longer, and not when it was said.
func (w *words) drop(a netip.Addr) {
	for i := range w.said {
		if o := &w.said[i]; o.seen.Addr() == a {
			o.seen = netip.AddrPort{}
		}
	}
}

// recent is how many of the newest words decide on an address: it may change, and those who
// have not been spoken to since say the old one.
const recent = 5

// agree is the address that several networks name, and more than half of those heard last.
// One that was agreed upon stays until another is.
func (w *words) agree(now time.Time) netip.Addr {
	votes := map[netip.Addr]int{}
	last := 0
	for _, o := range slices.Backward(w.said) {
		if o.seen.IsValid() && last < recent {
			votes[o.seen.Addr()]++
			last++
		}
	}
	for a, n := range votes {
		if n >= quorum && 2*n > last {
			w.agreed = a
		}
	}
	return w.agreed
}

// ports are those at which the agreed address was seen lately.
func (w *words) ports(now time.Time) (ports map[uint16]int) {
	ports = map[uint16]int{}
	for _, o := range w.said {
		if o.seen.Addr() == w.agreed && now.Sub(o.at) <= portLife {
			ports[o.seen.Port()]++
		}
	}
	return ports
}

// port is the one that several networks see, and most of those heard lately; 0 where there is
// none.
func (w *words) port(now time.Time) uint16 {
	ports := w.ports(now)
	total := 0
	for _, n := range ports {
		total += n
	}
	for p, n := range ports {
		if 2*n > total {
			return p
		}
	}
	if len(ports) == 0 {
		return w.newest(w.agreed).Port()
	}
	return 0
}

// differ reports whether each network sees another port, as behind a symmetric NAT.
func (w *words) differ(now time.Time) bool {
	ports := w.ports(now)
	return len(ports) >= quorum && w.port(now) == 0
}

// newest is the last word for an address; the zero address stands for any.
func (w *words) newest(a netip.Addr) netip.AddrPort {
	for _, o := range slices.Backward(w.said) {
		if o.seen.IsValid() && (o.seen.Addr() == a || !a.IsValid()) {
			return o.seen
		}
	}
	return netip.AddrPort{}
}
