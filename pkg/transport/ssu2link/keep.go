package ssu2link

import (
	"context"
	"time"

	"i2ptoolkit/pkg/ssu2"
)

// keepEvery is how often the tokens are handed out to be kept, where there are others than before:
// a router that is killed is to lose few of them.
const keepEvery = 30 * time.Second

// keepTokens hands out what the sockets have, until ctx ends.
func (d *Driver) keepTokens(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	before := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var file []byte
		changes := uint64(0)
		for _, s := range d.sockets {
			s.box.Do(func() {
				t := s.endpoint.Tokens()
				changes += t.Changes()
				file = t.AppendFile(file)
			})
		}
		if changes != before && ctx.Err() == nil {
			before = changes
			d.cfg.KeepTokens(file)
		}
	}
}

// keepLast hands out what the sockets have, whose loops have ended.
func (d *Driver) keepLast() {
	if d.cfg.KeepTokens == nil {
		return
	}
	var stores []*ssu2.Tokens
	for _, s := range d.sockets {
		stores = append(stores, s.endpoint.Tokens())
	}
	d.cfg.KeepTokens(ssu2.TokensFile(stores...))
}
