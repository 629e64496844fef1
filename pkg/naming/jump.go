package naming

import (
	"fmt"
	"net/url"
	"strings"
)

// Jump is a service that knows names, and gives a link with the destination (address helper).
type Jump struct{ Name, URL string }

func (j Jump) String() string { return j.Name + " " + j.URL }

// ParseJump reads a service as String writes it. It is one in I2P, as a feed is.
func ParseJump(text string) (Jump, error) {
	parts := strings.Fields(text)
	if len(parts) != 2 {
		return Jump{}, fmt.Errorf("%q is no jump service: expected NAME URL, such as %q", text, KnownJumps()[0].String())
	}
	if err := CheckFeed(parts[1]); err != nil {
		return Jump{}, fmt.Errorf("%q is no jump service: %w", text, err)
	}
	return Jump{parts[0], parts[1]}, nil
}

// KnownJumps are those that most of the network knows, and what a name is put behind.
func KnownJumps() []Jump {
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
	if n.cfg.Jumps == nil {
		return nil
	}
	var rest []Jump
	for _, s := range n.cfg.Jumps() {
		link := Jump{s.Name, s.URL + url.QueryEscape(strings.ToLower(name))}
		u, err := url.Parse(s.URL)
		if err == nil {
			_, err = n.find(strings.ToLower(u.Hostname()))
		}
		if err == nil {
			links = append(links, link)
		} else {
			rest = append(rest, link)
		}
	}
	return append(links, rest...)
}
