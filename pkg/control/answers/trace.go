package answers

import (
	"context"
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// Trace asks the network for a record, and tells whom it asked and what came of that.
func (a *Answers) Trace(ctx context.Context, kind string, hash i2p.Hash) control.Trace {
	began := time.Now()
	res, err := a.lookup(ctx, kind, hash)
	if err != nil {
		return failedTrace(traceOf(kind, hash, began, res), err)
	}
	t, rec := traceOf(kind, hash, began, res), found(res)
	t.Record, t.Source = &rec, control.SourceFloodfill
	if res.Stored {
		t.Source = control.SourceStore
	}
	return t
}

func failedTrace(t control.Trace, err error) control.Trace {
	var said *control.Error
	if !errors.As(err, &said) {
		said = control.Errorf(control.Internal, "%v", err)
	}
	t.Error = said
	return t
}

// traceOf is how a lookup went that began at a time.
func traceOf(kind string, hash i2p.Hash, began time.Time, res netdb.Result) control.Trace {
	if len(res.Trace) > 0 { // it may have been under way already
		began = res.Trace[0].At
	}
	t := control.Trace{
		Kind: kind, Hash: hash.String(), Time: began.UTC(), RoutingKey: netdb.RoutingKey(hash, began).String(),
		TookMillis: res.Took.Milliseconds(), Asked: []control.Step{},
	}
	came := res.Err == nil && !res.Stored
	credited := slices.ContainsFunc(res.Trace, func(a netdb.Asked) bool { return a.Answer == netdb.Gave })
	for _, a := range res.Trace {
		s := control.Step{
			Floodfill:   a.Floodfill.String(),
			SharedBits:  netdb.SharedBits(netdb.RoutingKey(hash, a.At), a.Floodfill),
			AfterMillis: a.At.Sub(began).Milliseconds(),
			Answer:      answerOf(a, began.Add(res.Took)),
			TookMillis:  a.Took.Milliseconds(),
			Named:       a.Peers, New: a.New,
		}
		if came && !credited && (s.Answer == control.AnswerNone || s.Answer == control.AnswerPending) {
			s.Answer = control.AnswerPerhaps
		}
		t.Asked = append(t.Asked, s)
	}
	return t
}

// answerOf is what a floodfill had answered by the end of the lookup.
func answerOf(a netdb.Asked, end time.Time) string {
	switch {
	case a.Unsent:
		return control.AnswerUnsent
	case a.Answer == netdb.Gave:
		return control.AnswerGave
	case a.Answer == netdb.Named:
		return control.AnswerNamed
	case a.Silent(end):
		return control.AnswerNone
	}
	return control.AnswerPending
}
