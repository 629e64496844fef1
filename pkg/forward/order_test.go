package forward

import (
	"strings"
	"testing"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/forward/plan"
)

// TestInOrder: each place is tried once, beginning where the plan says.
func TestInOrder(t *testing.T) {
	places := []string{"a", "b", "c"}
	firsts := map[plan.Order]string{}
	for turn := range 60 {
		for _, order := range []plan.Order{"", plan.InTurn, plan.AsListed, plan.AtRandom} {
			got := strings.Join(inOrder(places, order, turn), "")
			if got != "abc" && got != "bca" && got != "cab" {
				t.Fatalf("%q: %s", order, got)
			}
			firsts[order] += got[:1]
		}
	}
	if turns := strings.Repeat("abc", 20); firsts[""] != turns || firsts[plan.InTurn] != turns || firsts[plan.AsListed] != strings.Repeat("a", 60) {
		t.Errorf("%q", firsts)
	}
	if r := firsts[plan.AtRandom]; r == strings.Repeat("abc", 20) || !strings.Contains(r, "a") || !strings.Contains(r, "b") || !strings.Contains(r, "c") {
		t.Errorf("at random: %s", r)
	}
	if got := strings.Join(places, ""); got != "abc" {
		t.Errorf("the plan's are %s now", got)
	}
}

// TestByUDP: datagrams say from whom they are as their plan has it.
func TestByUDP(t *testing.T) {
	for name, protocol := range map[string]byte{"": 0, "repliable": datagram.Repliable, "datagram2": datagram.Datagram2, "datagram3": datagram.Datagram3} {
		for _, signed := range []bool{false, true} {
			if got, all := byUDP(plan.Plan{UDP: &plan.UDPSettings{Protocol: name, Signed: signed}}); got != protocol || all != signed {
				t.Errorf("%q: %d, %v", name, got, all)
			}
		}
	}
	if got, all := byUDP(plan.Plan{}); got != 0 || all {
		t.Errorf("without: %d, %v", got, all)
	}
}
