package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/config"
)

func addrsOf(text string) (out []netip.Addr) {
	for _, f := range strings.Fields(text) {
		out = append(out, netip.MustParseAddr(f))
	}
	return out
}

// What is published while the machine's addresses change, one state after the
// other.
func TestHosts(t *testing.T) {
	type step struct{ local, publish, source string }
	for _, c := range []struct {
		name, asked string
		testnet     bool
		steps       []step
	}{
		{"nothing asked for", "", false, []step{{"8.8.8.8", "", ""}, {"9.9.9.9", "", ""}}},
		{"the machine's own", "8.8.8.8", false, []step{
			{"127.0.0.1 8.8.8.8", "8.8.8.8", "8.8.8.8"}, {"127.0.0.1", "", ""}, {"127.0.0.1 9.9.9.9", "9.9.9.9", "9.9.9.9"},
			{"7.7.7.7 9.9.9.9", "9.9.9.9", "9.9.9.9"}, {"7.7.7.7 8.8.8.8 9.9.9.9", "8.8.8.8", "8.8.8.8"},
		}},
		{"the new one before others", "8.8.8.8", false, []step{
			{"1.1.1.1 8.8.8.8", "8.8.8.8", "8.8.8.8"}, {"1.1.1.1 9.9.9.9", "9.9.9.9", "9.9.9.9"},
		}},
		{"of something before the machine", "8.8.8.8", false, []step{{"192.168.1.2", "8.8.8.8", ""}, {"192.168.1.3", "8.8.8.8", ""}}},
		{"private ones are not published", "8.8.8.8", false, []step{{"8.8.8.8", "8.8.8.8", "8.8.8.8"}, {"192.168.1.2", "", ""}}},
		{"but on a testnet", "10.1.0.1", true, []step{{"127.0.0.1 10.1.0.1", "10.1.0.1", "10.1.0.1"}, {"127.0.0.1 10.1.1.1", "10.1.1.1", "10.1.1.1"}}},
		{"by family", "8.8.8.8 2a01::1", false, []step{
			{"8.8.8.8 2a01::1", "8.8.8.8 2a01::1", "8.8.8.8"}, {"9.9.9.9 2a01::1", "9.9.9.9 2a01::1", "9.9.9.9"}, {"9.9.9.9 fe80::1", "9.9.9.9", "9.9.9.9"},
		}},
	} {
		s := config.Default()
		s.Testnet = c.testnet
		h := newHosts(addrsOf(c.asked), s.Publishable)
		before := addrsOf(c.asked)
		for _, st := range c.steps {
			changed, note := h.moved(addrsOf(st.local))
			want := addrsOf(st.publish)
			if !slices.Equal(h.now(), want) || changed == slices.Equal(before, want) || h.notes() != note ||
				(note == "") != slices.Equal(want, addrsOf(c.asked)) {
				t.Errorf("%s: at %s: %v, changed %v, %q; want %s", c.name, st.local, h.now(), changed, note, st.publish)
			}
			if got := h.source(netip.MustParseAddr("1.2.3.4")); got.IsValid() != (st.source != "") || got.IsValid() && got.String() != st.source {
				t.Errorf("%s: at %s: dialled from %v, want %q", c.name, st.local, got, st.source)
			}
			before = want
		}
	}
	h := newHosts(addrsOf("127.0.0.7"), config.Default().Publishable)
	h.moved(addrsOf("127.0.0.1"))
	if got := h.source(netip.MustParseAddr("127.0.0.1")); got.String() != "127.0.0.7" || h.source(netip.MustParseAddr("8.8.8.8")).IsValid() {
		t.Errorf("dialled from %v", got)
	}
}
