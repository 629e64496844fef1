package leaseset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const (
	target  = "bi3hxewpbmbx37mjsyhoqmwvn574culido2b4u3jbz3w6v4gtgfa.b32.i2p"
	target2 = "yw6w5h7zzybuus47ohvee6h5r6ab4eotmqalqnuywvq6dkf6264a.b32.i2p"
)

// TestServices has the examples of proposal 167.
func TestServices(t *testing.T) {
	for value, want := range map[string][]Service{
		"0 999999 25":              {{Self: true, TTL: 999999, Port: 25}},
		"0 1 0 a=b":                {{Self: true, TTL: 1, App: "a=b"}},
		"1 86400 0 0 25 " + target: {{TTL: 86400, Port: 25, Target: target}},
		"1 86400 0 9 25 " + target + " x@mail.i2p": {{TTL: 86400, Weight: 9, Port: 25, Target: target, App: "x@mail.i2p"}},
		"1 86400 0 0 25 " + target + ",86400 1 0 25 example.i2p": {
			{TTL: 86400, Port: 25, Target: target}, {TTL: 86400, Priority: 1, Port: 25, Target: "example.i2p"},
		},
		"1 1 0 0 25 " + target + " a,1 2 3 4 " + target2 + " b": {
			{TTL: 1, Port: 25, Target: target, App: "a"}, {TTL: 1, Priority: 2, Weight: 3, Port: 4, Target: target2, App: "b"},
		},
	} {
		got, err := ParseServices(value)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
		if again := formatServices(got); again != value {
			t.Errorf("%q is written back as %q", value, again)
		}
	}
	each, err := ParseServices("1 1 0 0 25 " + target + ",1 1 2 3 4 " + target2)
	if err != nil || len(each) != 2 || each[1].Priority != 2 || each[1].Port != 4 {
		t.Errorf("with a 1 before each: %+v, %v", each, err)
	}
}

func TestServicesRefused(t *testing.T) {
	for value, said := range map[string]string{
		"": "begins with", "2 1 1": "begins with", "0": "a time and a port", "0 1": "a time and a port", "0 0 25": `"0" is no time`,
		"0 01 25": "no time", "0 1 65536": "no port", "0 1 +5": "no port", "0 1 25 ": "no text", "0 1 25 a,b": "no text",
		"0 1 25 a b": "a time and a port", "1 1 0 0 25": "a target", "1 1 0 0 25 Example.i2p": "the target", "1 1 0 0 25 a.i2p:7": "the target",
		"1 1 0 0 25 example.com": "the target", "1 1 0 0 25 a.i2p,": "a target", "1 1 0 0 25 a.i2p \xff": "no text", "1 1 -1 0 25 a.i2p": "no priority",
		"1 1 0 x 25 a.i2p": "no weight",
	} {
		if got, err := ParseServices(value); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
	for name, good := range map[string]bool{
		"_smtp._tcp": true, "_x-1._udp": true, "_smtp": false, "smtp._tcp": false, "_SMTP._tcp": false, "__tcp": false, "_._tcp": false,
		"_-a._tcp": false, "_a-._tcp": false, "_a._sctp": false, "_a_b._tcp": false, "_a._tcp.": false,
	} {
		if err := CheckServiceName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestServiceOrder: by priority, and by lot with weights.
func TestServiceOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all := []Service{{Priority: 1, Port: 9}, {Port: 1, Weight: 30}, {Port: 2, Weight: 10}, {Port: 3}}
	first := map[uint16]int{}
	for range 1000 {
		got := OrderServices(all, random.IntN)
		if len(got) != 4 || got[3].Port != 9 {
			t.Fatalf("%+v", got)
		}
		first[got[0].Port]++
	}
	if first[1] < 650 || first[1] > 800 || first[2] < 180 || first[2] > 300 || first[3] > 60 || first[3] == 0 {
		t.Errorf("%v", first)
	}
	if got := OrderServices([]Service{{Port: 1}, {Port: 2}}, random.IntN); len(got) != 2 {
		t.Errorf("without weights: %+v", got)
	}
}

func FuzzParseServices(f *testing.F) {
	f.Add("0 999999 25")
	f.Add("1 86400 0 0 25 " + target + ",86400 1 0 25 example.i2p x")
	f.Fuzz(func(t *testing.T, value string) {
		all, err := ParseServices(value)
		if err != nil {
			return
		}
		again, err := ParseServices(formatServices(all))
		if err != nil || !slices.Equal(again, all) {
			t.Errorf("%q: %+v became %+v: %v", value, all, again, err)
		}
	})
}

// formatServices is what ParseServices reads.
func formatServices(all []Service) string {
	var b strings.Builder
	for i, s := range all {
		switch {
		case s.Self:
			fmt.Fprintf(&b, "0 %d %d", s.TTL, s.Port)
		default:
			b.WriteString([]string{"1 ", ","}[min(i, 1)])
			fmt.Fprintf(&b, "%d %d %d %d %s", s.TTL, s.Priority, s.Weight, s.Port, s.Target)
		}
		if s.App != "" {
			b.WriteString(" " + s.App)
		}
	}
	return b.String()
}
