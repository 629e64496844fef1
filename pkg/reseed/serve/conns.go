package serve

import (
	"net"
	"sync"
)

// connLimit bounds the connections that are open, of each client network and of all. One
// too many is closed at once, before it costs a handshake: its client can ask another
// server, where in a queue it would wait behind those who never ask for anything.
type connLimit struct {
	max, each      int
	v4Bits, v6Bits int
	trusted        prefixes
	counts         *counts

	mu   sync.Mutex
	open int
	of   map[key]int
}

func newConnLimit(l Limits, c *counts, trusted prefixes) *connLimit {
	return &connLimit{
		max: l.Conns, each: l.ConnsPerClient, v4Bits: l.V4Bits, v6Bits: l.V6Bits,
		trusted: trusted, counts: c, of: make(map[key]int),
	}
}

// enter admits a connection; leave is to be called once when it ends.
func (l *connLimit) enter(c net.Conn) (leave func(), ok bool) {
	peer := peerAddr(c.RemoteAddr().String())
	network := networkOf(peer, l.v4Bits, l.v6Bits)
	proxy := !peer.IsValid() || l.trusted.contains(peer) // has the connections of all its clients
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.max {
		l.counts.refusedTotal.Add(1)
		return nil, false
	}
	if !proxy && l.of[network] >= l.each {
		l.counts.refusedClient.Add(1)
		return nil, false
	}
	l.open++
	l.of[network]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if l.of[network]--; l.of[network] == 0 {
			delete(l.of, network)
		}
	}, true
}

func (l *connLimit) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

type limitedListener struct {
	net.Listener
	limit *connLimit
}

// Accept gives the next connection that the limits admit.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave, ok := l.limit.enter(c); ok {
			return &limitedConn{Conn: c, leave: leave}, nil
		}
		if t, ok := c.(*net.TCPConn); ok {
			t.SetLinger(0) // nothing of it stays behind in the kernel
		}
		c.Close()
	}
}

type limitedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}
