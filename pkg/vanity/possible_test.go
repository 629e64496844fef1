package vanity

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

func TestPossible(t *testing.T) {
	for expression, want := range map[string]bool{
		"cat": true, "^cat": true, "a$": true, "q$": true, "[a-z]{51}": true, "^.{52}$": true, "": true, "(?i)CAT": true, "^(?:cat|dog).*q$": true,
		`^\w+$`: true, `\bcat`: true, `a\b`: true, "x|1": true, "^$|7": true, "(?m)^cat$|tac": true, "[^a-z]{3}": true, `^(a|b)*[aq]$`: true,
		"CAT": false, "cat1": false, "0": false, "[018-9]": false, "b$": false, "cat$": false, "^.{53}": false, "^.{51}$": false, "^$": false,
		`cat\b`: false, `\Bcat\b`: false, `cat\.b32\.i2p`: false, `\.`: false, "-": false, " ": false, "ä": false, "^a^": false, "$a": false,
		"[A-Z]": false, `(?m)a$b`: false, `\d{52}`: false, `[2-7]{52}`: false, "x{52}": false, "(cat|dog){18}": false,
	} {
		tree, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := possible(tree.Simplify()); err != nil || got != want {
			t.Errorf("%q: %t, %v, expected %t", expression, got, err, want)
		}
	}
}

// TestPossibleAgrees: what an address matches is never called impossible.
func TestPossibleAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "cat", "[a-f]", "[^a-f]", ".", "^", "$", "(?:x|y7)", "b*", ".*", `\b`, `\B`, "q", "(?i)Z", "[2-5]+", "Q"}
	for range 3000 {
		var expression strings.Builder
		for range 1 + random.IntN(4) {
			expression.WriteString(parts[random.IntN(len(parts))])
		}
		re, err := regexp.Compile(expression.String())
		if err != nil {
			continue
		}
		tree, err := syntax.Parse(expression.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		can, err := possible(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			var address [addressLen]byte
			for i := range address {
				address[i] = alphabet[random.IntN(len(alphabet))]
			}
			address[addressLen-1] = "aq"[random.IntN(2)]
			if re.Match(address[:]) && !can {
				t.Fatalf("%q matches %s, and is called impossible", expression.String(), address)
			}
		}
	}
}
