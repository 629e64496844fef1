//go:build linux

package interop

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestFarTable(t *testing.T) {
	b := &farBench{results: map[string]map[string][][]float64{
		"bulk/1hop/once": {
			"i2pd": {{0.5}, {0.4}, {math.NaN()}},
			"ours": {{1.0}, {1.2}, {0.9}},
		},
		"bulk/2hops/once": {"i2pd": {{math.NaN()}}, "ours": {{0.5}}},
		"rate/1hop":       {"i2pd": {{0.5, 1.5}}, "mixed": {{0.25, 1.25}}},
		"losthop":         {"ours": {{2}, {4}, {3}}, "mixed": {{2}, {math.Inf(1)}, {3}}, "i2pd": {{math.Inf(1)}}},
	}}
	got := b.table()
	for _, want := range []string{
		"| 10 MB at once, 1 hop | 0.450, 1 of 3 broke |  |  | 1.000 (2.22) |  |\n",
		"| the same, 2 hops | none, 1 of 1 broke |  |  | 0.500 |  |\n",
		"| 10 Mbit/s for each host, 1 hop | 0.500 |  | 0.250 (0.50) |  |  |\n",
		"| ping-pong beside it, against the idle one | 1.50 |  | 1.25 |  |  |\n",
		"| a hop's host gone: recovery | never, worst never of 1, 1 of 1 broke |  | 3.0 s, worst never of 3, 1 of 3 broke | 3.0 s, worst 4.0 s of 3 |  |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line\n%sin%s", want, got)
		}
	}
	if strings.Contains(got, "rebind") || strings.Count(got, "\n") != 8 {
		t.Errorf("rows that were not measured:%s", got)
	}
}

func TestFarOptions(t *testing.T) {
	env := map[string]string{
		"ROUNDS": "3", "COPIES": "2", "MB": "0.5", "ROWS": "bulk", "KINDS": "", "PARTITION": "1m", "DELAY": "50ms", "DOWN": "",
	}
	getenv := func(name string) string { return env[strings.TrimPrefix(name, "I2P_WAN_")] }
	o, err := farOptionsOf(getenv)
	if err != nil || o.rounds != 3 || o.copies != 2 || o.size != 500_000 || o.down || o.partition != time.Minute {
		t.Errorf("%+v, %v", o, err)
	}
	for name, bad := range map[string]string{"ROUNDS": "x", "ROWS": "(", "DELAY": "50"} {
		good := env[name]
		env[name] = bad
		if _, err := farOptionsOf(getenv); err == nil {
			t.Errorf("%s=%s was taken", name, bad)
		}
		env[name] = good
	}
}

func TestFlowSeesSilence(t *testing.T) {
	f := &flow{last: time.Now().Add(-time.Hour)}
	f.arrived(time.Now())
	if _, longest, _ := f.state(); longest < time.Hour {
		t.Errorf("the longest silence was %v", longest)
	}
	f.mark()
	if _, longest, _ := f.state(); longest != 0 {
		t.Errorf("a silence of %v after mark", longest)
	}
}
