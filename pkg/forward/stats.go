package forward

import (
	"sync"

	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/tally"
)

// proxies sum what HTTP proxies count, those that have ended included.
type proxies struct {
	mu    sync.Mutex // a leaf
	now   map[*httpproxy.Proxy]struct{}
	ended httpproxy.Stats
}

// counted has a door's counts told of until ended is called, and its totals from then on.
func (p *proxies) counted(d server) (ended func()) {
	proxy, ok := d.(*httpproxy.Proxy)
	if !ok {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.now = make(map[*httpproxy.Proxy]struct{})
	}
	p.now[proxy] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.now, proxy)
		tally.AddTotals(&p.ended, proxy.Stats())
	}
}

// Proxies are the counts of all HTTP proxies.
func (m *Manager) Proxies() httpproxy.Stats {
	p := &m.proxies
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.ended
	for proxy := range p.now {
		tally.Add(&sum, proxy.Stats())
	}
	return sum
}
