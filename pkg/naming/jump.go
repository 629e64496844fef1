package naming

import (
	"net/url"
	"strings"
)

// Jump is a service that knows names, and gives a link with the destination (address helper).
type Jump struct{ Name, URL string }

// jumpServices are those that most of the network knows, and what a name is put behind.
func jumpServices() []Jump {
	return []Jump{
		{"stats.i2p", "http://stats.i2p/cgi-bin/jump.cgi?a="},
		{"reg.i2p", "http://reg.i2p/jump/"},
		{"notbob.i2p", "http://notbob.i2p/cgi-bin/jump.cgi?q="},
		{"i2pjump.i2p", "http://i2pjump.i2p/jump/"},
	}
}

// Jumps are links to services that may know a name. Those come first that can be reached, since
// their own names are in the books.
func (n *Names) Jumps(name string) (links []Jump) {
	services := n.cfg.Jumps
	if services == nil {
		services = jumpServices()
	}
	var rest []Jump
	for _, s := range services {
		link := Jump{s.Name, s.URL + url.QueryEscape(strings.ToLower(name))}
		if _, err := n.find(s.Name); err == nil {
			links = append(links, link)
		} else {
			rest = append(rest, link)
		}
	}
	return append(links, rest...)
}
