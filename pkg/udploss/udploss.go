// Package udploss counts the datagrams that the system drops as a UDP socket of this machine is not read soon enough:
// programs that send to it are told nothing of that.
package udploss

import (
	"io"
	"net"
	"sync"
)

// Counter counts for sockets that come and go. The zero value has none.
type Counter struct {
	mu   sync.Mutex // a leaf
	open map[*net.UDPConn]struct{}
	gone uint64 // dropped at those that were closed
}

// Add has a socket counted until Close. One that is not the system's is not.
func (c *Counter) Add(socket io.Closer) {
	conn, ok := socket.(*net.UDPConn)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[*net.UDPConn]struct{})
	}
	c.open[conn] = struct{}{}
}

// Close closes a socket, and keeps what was dropped there. Of two who close one both find it closed.
func (c *Counter) Close(socket io.Closer) error {
	conn, ok := socket.(*net.UDPConn)
	if !ok {
		return socket.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, is := c.open[conn]; is {
		delete(c.open, conn)
		c.gone += dropped(conn)
	}
	return conn.Close()
}

// Total is how many were dropped, as far as the system tells.
func (c *Counter) Total() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := c.gone
	for conn := range c.open {
		total += dropped(conn)
	}
	return total
}
