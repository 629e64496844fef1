package httpproxy

import (
	"bufio"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/forward/splice"
)

// stream is a connection to an eepsite or an outproxy.
type stream struct {
	net.Conn
	r      *bufio.Reader
	key    string // what it can be used for
	reused bool
	// absolute is for an HTTP outproxy, which is sent whole addresses.
	absolute    bool
	credentials string // a header line for it
	// Of one that is idle:
	since   time.Time
	watched chan bool // whether nothing came
	taken   bool
}

func newStream(c net.Conn, key string) *stream {
	r := readers.Get().(*bufio.Reader)
	r.Reset(c)
	return &stream{Conn: c, r: r, key: key}
}

// close ends the stream in good order.
func (u *stream) close() {
	u.Conn.Close()
	u.giveBack()
}

func (u *stream) giveBack() {
	if r := u.r; r != nil {
		u.r = nil
		r.Reset(nil)
		readers.Put(r)
	}
}

// abort breaks the stream off, from whatever goroutine.
func (u *stream) abort() { splice.Break(u.Conn) }

// pool keeps idle streams for the next request to the same place. A goroutine reads each: a
// stream that ends, or on which something comes that nobody asked for, is not used again.
type pool struct {
	limits *Limits
	counts *counts

	mu      sync.Mutex
	closed  bool
	all     []*stream // the longest idle first
	readers sync.WaitGroup
}

func (p *pool) init(l *Limits, c *counts) { p.limits, p.counts = l, c }

func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// put takes a stream. Where there are too many the longest idle one makes room.
func (p *pool) put(u *stream) {
	now := time.Now()
	u.since, u.taken = now, false
	if u.watched == nil {
		u.watched = make(chan bool, 1)
	}
	u.SetWriteDeadline(time.Time{})
	u.SetReadDeadline(now.Add(p.limits.StreamIdle))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		u.close()
		return
	}
	same, oldest := 0, -1
	for i, o := range p.all {
		if o.key == u.key {
			if same++; oldest < 0 {
				oldest = i
			}
		}
	}
	if same < p.limits.PerHost {
		oldest = 0
	}
	if same >= p.limits.PerHost || len(p.all) >= p.limits.Streams {
		p.counts.evicted.Add(1)
		p.all[oldest].SetReadDeadline(past)
		p.remove(p.all[oldest])
	}
	p.all = append(p.all, u)
	p.readers.Go(func() { p.watch(u) })
}

// watch reads an idle stream until something comes, which is its end, or has come already.
func (p *pool) watch(u *stream) {
	_, err := u.r.Peek(1)
	timeout, _ := err.(net.Error)
	quiet := timeout != nil && timeout.Timeout()
	p.mu.Lock()
	taken := u.taken
	if !taken && p.remove(u) && quiet {
		p.counts.expired.Add(1)
	}
	p.mu.Unlock()
	if taken {
		u.watched <- quiet
		return
	}
	u.close()
}

// remove has p.mu.
func (p *pool) remove(u *stream) bool {
	for i, o := range p.all {
		if o == u {
			p.all = append(p.all[:i], p.all[i+1:]...)
			return true
		}
	}
	return false
}

// take gives the stream that was used last for a key, unless it is older than that; nil: there
// is none.
func (p *pool) take(key string, oldest time.Duration) *stream {
	for {
		u := p.newest(key, oldest)
		if u == nil {
			return nil
		}
		u.SetReadDeadline(past)
		if <-u.watched {
			u.SetReadDeadline(time.Time{})
			u.reused = true
			return u
		}
		u.close()
	}
}

func (p *pool) newest(key string, oldest time.Duration) *stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.all) - 1; i >= 0; i-- {
		u := p.all[i]
		if u.key != key {
			continue
		}
		if time.Since(u.since) > oldest {
			return nil
		}
		u.taken = true
		p.remove(u)
		return u
	}
	return nil
}

// close ends all idle streams, and waits for their readers.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, u := range p.all {
		u.SetReadDeadline(past)
	}
	p.all = nil
	p.mu.Unlock()
	p.readers.Wait()
}
