package i2cpserver

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// hall is a router's, of which the test is the network.
type hall struct {
	*Server
	t        testing.TB
	required atomic.Bool

	mu     sync.Mutex
	locals []*local
	known  map[i2p.Hash]*i2p.PrivateKeys // whose lease sets are found
	full   error
}

// local is a destination of the hall.
type local struct {
	*hall
	dest   i2p.Destination
	keeper client.Keeper
	asked  options.Options

	mu     sync.Mutex
	handle client.Handler
	sent   []string
	hinted client.Hints  // with the last
	busy   int           // how often it is busy yet
	stuck  chan struct{} // until when a lookup takes; nil: no time
	closed bool
	late   bool // something was sent after that

	unlocked []unlocked
}

type unlocked struct {
	by   leaseset.Reader
	hash i2p.Hash
}

func newHall(t testing.TB) *hall {
	h := &hall{t: t, known: make(map[i2p.Hash]*i2p.PrivateKeys)}
	h.Server = New(Config{
		Open: func(_ context.Context, to i2p.Destination, keeper client.Keeper, asked options.Options) (Local, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.full != nil {
				return nil, h.full
			}
			l := &local{hall: h, dest: to, keeper: keeper, asked: asked}
			h.locals = append(h.locals, l)
			return l, nil
		},
		Defaults: options.Default,
		Named: func(_ context.Context, by Local, name i2p.Name) (i2p.Destination, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if name.Kind == i2p.NameHost && name.Host == "known.i2p" {
				for _, k := range h.known {
					return k.Destination(), nil
				}
			}
			if k := h.known[name.Hash]; k != nil && by != nil {
				return k.Destination(), nil
			}
			return i2p.Destination{}, destinations.ErrNotFound
		},
		Required:  h.required.Load,
		Bandwidth: func() (in, out int) { return 700, 0 },
	})
	return h
}

// local is the one opened last.
func (h *hall) last() *local {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.locals[len(h.locals)-1]
}

// somebody is a destination that is found.
func (h *hall) somebody() i2p.Destination {
	keys := newKeys(h.t, 99)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[keys.Destination().Hash()] = keys
	return keys.Destination()
}

func (l *local) Handle(protocol byte, port uint16, h client.Handler, gone func()) (func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handle = h
	return func() {}, nil
}

func (l *local) SendHinted(to i2p.Hash, framed []byte, h client.Hints) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy > 0 {
		return destinations.ErrBusy
	}
	l.late = l.late || l.closed
	_, body, _ := datagram.Decode(framed, 0)
	l.sent, l.hinted = append(l.sent, string(body)), h
	return nil
}

func (l *local) Pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
}

func (l *local) Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	if l.stuck != nil {
		select {
		case <-l.stuck:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l.hall.mu.Lock()
	keys := l.known[hash]
	l.hall.mu.Unlock()
	if keys == nil {
		return nil, fmt.Errorf("lease set: %w", destinations.ErrNotFound)
	}
	return leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: make([]byte, 32)}},
		Published: i2p.DateOf(time.Now()), Options: map[string]string{"_smtp._tcp": "0 3600 25"},
	})
}

func (l *local) Reshape(asked options.Options) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = asked
	return true
}

func (l *local) Unlock(by leaseset.Reader, hash i2p.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unlocked = append(l.unlocked, unlocked{by, hash})
}

func (l *local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *local) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.sent...)
}
