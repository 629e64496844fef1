package botnet

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
)

func run(t *testing.T, s Scenario) Result {
	t.Helper()
	buftest.NoLeak(t)
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	r.Print(&table)
	t.Log("\n" + table.String())
	return r
}

// TestBotnet: our tunnels stand in a crowd of fakes that leaves a naive router none,
// whether the fakes come from few networks or from anywhere.
func TestBotnet(t *testing.T) {
	for _, prefixes := range networks {
		r := run(t, Scenario{
			Seed: 1, Honest: 120, Fakes: 1000, Prefixes: prefixes, Measured: 3, Rate: 500, Agree: 0.4,
			Peace: 5 * time.Minute, Attack: 2 * time.Minute,
		})
		if peace, attack := r.Peace[Ours].Success(), r.Attack[Ours].Success(); peace < 0.8 || attack < 0.8 || r.Attack[Ours].Client.Asked == 0 {
			t.Errorf("%d networks: %.0f %% of our tunnels carry, %.0f %% before the attack", prefixes, 100*attack, 100*peace)
		}
		if peace, attack := r.Peace[Naive].Success(), r.Attack[Naive].Success(); peace < 0.8 || attack > 0.05 {
			t.Errorf("%d networks: %.0f %% of a naive router's tunnels carry, %.0f %% before the attack", prefixes, 100*attack, 100*peace)
		}
	}
}

// TestSeed: a seed gives one run, whatever works on it.
func TestSeed(t *testing.T) {
	s := Scenario{Seed: 2, Honest: 40, Fakes: 60, Measured: 1, Rate: 500, Agree: 0.4, Peace: 8 * time.Minute, Attack: time.Minute, Workers: 1}
	one := run(t, s)
	if s.Workers = 3; run(t, s).Trace != one.Trace {
		t.Error("three workers make another run of a seed than one")
	}
	if s.Seed = 3; run(t, s).Trace == one.Trace {
		t.Error("two seeds give one run")
	}
}

// TestFull is scripts/botnet.
func TestFull(t *testing.T) {
	if os.Getenv("I2P_BOTNET_SEED") == "" {
		t.Skip("run by scripts/botnet")
	}
	number := func(name string) int {
		n, err := strconv.Atoi(os.Getenv("I2P_BOTNET_" + name))
		if err != nil {
			t.Fatalf("I2P_BOTNET_%s: %v", name, err)
		}
		return n
	}
	minutes := func(name string) time.Duration { return time.Duration(number(name)) * time.Minute }
	for p := range strings.FieldsSeq(os.Getenv("I2P_BOTNET_NETWORKS")) {
		prefixes, err := strconv.Atoi(p)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(Scenario{
			Seed: uint64(number("SEED")), Honest: number("HONEST"), Fakes: number("FAKES"), Prefixes: prefixes,
			Measured: number("MEASURED"), Rate: 500, Agree: 0.4, Peace: minutes("PEACE"), Attack: minutes("ATTACK"),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.Print(os.Stdout)
	}
}
