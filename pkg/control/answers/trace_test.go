package answers

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// TestTraceOf: who is silent, who had no time to answer, and who may have sent what came.
func TestTraceOf(t *testing.T) {
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	key := i2p.HashOf([]byte("key"))
	after := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	res := netdb.Result{Took: 4 * time.Second, Trace: []netdb.Asked{
		{Floodfill: netdb.RoutingKey(key, began), At: began, Unsent: true},
		{Floodfill: i2p.Hash{1}, At: after(1), Answer: netdb.Named, Took: 300 * time.Millisecond, Peers: 3, New: 2},
		{Floodfill: i2p.Hash{2}, At: after(1)},
		{Floodfill: i2p.Hash{3}, At: after(3900)},
	}}
	answers := func(trace control.Trace) (a [4]string) {
		for i, s := range trace.Asked {
			a[i] = s.Answer
		}
		return a
	}
	res.Err = netdb.ErrNotFound
	trace := traceOf(control.KindLeaseSet, key, after(-20), res)
	if got, want := answers(trace), [4]string{control.AnswerUnsent, control.AnswerNamed, control.AnswerNone, control.AnswerPending}; got != want {
		t.Errorf("not found: %v, expected %v", got, want)
	}
	if s := trace.Asked[0]; s.SharedBits != 256 || s.AfterMillis != 0 {
		t.Errorf("the closest: %+v", s)
	}
	if s := trace.Asked[1]; s.SharedBits >= 256 || s.AfterMillis != 1 || s.TookMillis != 300 || s.Named != 3 || s.New != 2 {
		t.Errorf("who named others: %+v", s)
	}
	res.Err = nil
	if got, want := answers(traceOf(control.KindLeaseSet, key, began, res)), [4]string{control.AnswerUnsent, control.AnswerNamed, control.AnswerPerhaps, control.AnswerPerhaps}; got != want {
		t.Errorf("by one of two: %v, expected %v", got, want)
	}
	res.Trace[3].Answer = netdb.Gave
	if got := answers(traceOf(control.KindLeaseSet, key, began, res)); got[2] != control.AnswerNone || got[3] != control.AnswerGave {
		t.Errorf("by the last: %v", got)
	}
	res.Trace[3].Answer, res.Stored = netdb.NoAnswer, true
	if got := answers(traceOf(control.KindRouterInfo, key, began, res)); got[2] != control.AnswerNone {
		t.Errorf("out of the store: %v", got)
	}
}
