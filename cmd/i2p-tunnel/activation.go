package main

import "net"

// activation is the sockets that we were started for.
type activation struct {
	listeners []net.Listener
	conns     []net.Conn // with Accept=yes
}

// close ends what nobody takes any more.
func (a *activation) close() {
	for _, l := range a.listeners {
		l.Close()
	}
	for _, c := range a.conns {
		c.Close()
	}
}
