package record

import (
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
)

// TestWhyNot: causes that a person would remedy in different ways are told apart.
func TestWhyNot(t *testing.T) {
	steps := func(answers ...string) (s []control.Step) {
		for i, a := range answers {
			s = append(s, control.Step{Floodfill: string(rune('a' + i)), Answer: a})
		}
		return s
	}
	twice := append(steps(control.AnswerNone), steps(control.AnswerNone)...) // the same one
	for _, tc := range []struct {
		code  control.Code
		asked []control.Step
		kind  i2p.NameKind
		want  string
	}{
		{control.Unreachable, nil, i2p.NameHash, "knows no floodfill"},
		{control.Busy, nil, i2p.NameHash, "Nobody was asked: message."},
		{control.Unreachable, steps(control.AnswerUnsent, control.AnswerUnsent), i2p.NameHash, "has no tunnel to ask through"},
		{control.NotFound, steps(control.AnswerNamed), i2p.NameHash, "The one floodfill that was asked does not have it. The destination is off"},
		{control.NotFound, steps(control.AnswerNamed, control.AnswerUnsent, control.AnswerNamed), i2p.NameHash, "None of the 2 floodfills"},
		{control.NotFound, steps(control.AnswerNamed, control.AnswerNone), i2p.NameHash, "Of the 2 floodfills that were asked one answered, and does not"},
		{control.NotFound, steps(control.AnswerNamed), i2p.NameBlinded, "under another hash on each day, this one is that of 2026-11-01"},
		{control.Timeout, twice, i2p.NameHash, "Nobody answered, of 1 floodfill asked"},
		{control.Timeout, steps(control.AnswerPending, control.AnswerPending), i2p.NameHash, "before an answer came, of 2 floodfills asked"},
		{control.Timeout, steps(control.AnswerNamed, control.AnswerPending), i2p.NameHash, "of 2 floodfills asked until then 1 had answered"},
	} {
		at := time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC)
		trace := control.Trace{Kind: control.KindLeaseSet, Time: at, Asked: tc.asked, Error: control.Errorf(tc.code, "message")}
		if got := OfTrace("x", i2p.Name{Kind: tc.kind}, trace, at); !strings.Contains(got.Why, tc.want) || got.Found || got.Error != "message" {
			t.Errorf("%s: %q, expected %q", tc.code, got.Why, tc.want)
		}
	}
}
