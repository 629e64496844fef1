package controltest

import (
	"context"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
)

// Explore learns one router of two that a floodfill names, in each search but the first, which nobody answers.
func (n *Node) Explore(_ context.Context, searches int) control.Explored {
	floodfill := i2p.HashOf([]byte("1")).String()
	done := control.Explored{Known: 12 + searches - 1, Learned: searches - 1, TookMillis: 2300}
	for i := range searches {
		s := control.Search{Key: i2p.HashOf([]byte{byte(i)}).String()}
		if i == 0 {
			s.Asked = []control.Step{{Floodfill: floodfill, SharedBits: 4, Answer: control.AnswerNone}}
			s.Error = control.Errorf(control.Timeout, "netdb: no floodfill answered")
		} else {
			s.Asked = []control.Step{{Floodfill: floodfill, SharedBits: 5, Answer: control.AnswerNamed, TookMillis: 200, Named: 4, New: 2}}
			s.Learned = []string{i2p.HashOf([]byte{byte(i), 1}).String()}
			s.Lost = []string{i2p.HashOf([]byte{byte(i), 2}).String()}
		}
		done.Searches = append(done.Searches, s)
	}
	return done
}

// Store sends an entry to two floodfills, of which one confirms it; a third gives it then, but
// one of a RouterInfo nobody gives. Without tunnels it cannot be sent.
func (n *Node) Store(_ context.Context, req control.Store) (control.Stored, error) {
	floodfill := func(name string) string { return i2p.HashOf([]byte(name)).String() }
	if len(req.Data) < 100 {
		return control.Stored{}, control.Errorf(control.BadData, "lease set: it is cut short")
	}
	out := control.Stored{Kind: control.KindLeaseSet, Hash: floodfill("key"), RoutingKey: floodfill("routing key"), TookMillis: 7600}
	if req.StoreType == 0 {
		out.Kind = control.KindRouterInfo
	}
	if n.NoTunnels {
		out.Sent = []control.Step{{Floodfill: floodfill("1"), SharedBits: 12, Answer: control.AnswerUnsent}}
		out.Error = control.Errorf(control.Unreachable, "netdb: no way to ask a floodfill")
		return out, nil
	}
	out.Taken = 1
	out.Sent = []control.Step{
		{Floodfill: floodfill("1"), SharedBits: 12, Answer: control.AnswerNone},
		{Floodfill: floodfill("2"), SharedBits: 11, AfterMillis: 5000, Answer: control.AnswerTook, TookMillis: 300},
	}
	check := control.Trace{Kind: out.Kind, Hash: out.Hash, Time: epoch(), RoutingKey: out.RoutingKey, TookMillis: 250}
	check.Asked = []control.Step{{Floodfill: floodfill("3"), SharedBits: 10, Answer: control.AnswerGave, TookMillis: 250}}
	if req.StoreType == 0 {
		check.Asked[0].Answer, check.Asked[0].Named = control.AnswerNamed, 3
		check.Error = control.Errorf(control.NotFound, "netdb: no floodfill that was asked has it")
	} else {
		check.Record, check.Source = &control.Record{Kind: out.Kind, Hash: out.Hash, StoreType: req.StoreType, Data: req.Data}, control.SourceFloodfill
	}
	out.Check = &check
	return out, nil
}

// Trace tells of four floodfills: one that cannot be asked, one that names others, one that is
// silent, and the last, which gives the entry if there is one. Without tunnels none can be asked.
func (n *Node) Trace(ctx context.Context, kind string, hash i2p.Hash) control.Trace {
	floodfill := func(name string) string { return i2p.HashOf([]byte(name)).String() }
	t := control.Trace{
		Kind: kind, Hash: hash.String(), Time: epoch(), RoutingKey: floodfill("routing key"), TookMillis: 2300,
		Asked: []control.Step{{Floodfill: floodfill("1"), SharedBits: 12, Answer: control.AnswerUnsent}},
	}
	if n.NoTunnels {
		t.Error = control.Errorf(control.Unreachable, "netdb: no way to ask a floodfill")
		return t
	}
	last := control.Step{Floodfill: floodfill("4"), SharedBits: 9, AfterMillis: 2000, Answer: control.AnswerNamed, TookMillis: 300, Named: 3}
	rec, err := n.Lookup(ctx, kind, hash)
	if err == nil {
		last.Answer, last.Named = control.AnswerGave, 0
		t.Record, t.Source = &rec, control.SourceFloodfill
	} else {
		t.Error = control.Errorf(control.NotFound, "%v", err)
	}
	t.Asked = append(t.Asked,
		control.Step{Floodfill: floodfill("2"), SharedBits: 11, Answer: control.AnswerNamed, TookMillis: 150, Named: 3, New: 1},
		control.Step{Floodfill: floodfill("3"), SharedBits: 10, Answer: control.AnswerNone}, last)
	return t
}
