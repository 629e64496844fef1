//go:build !linux

package ntcp2link

import (
	"net"
	"time"
)

// tune has nothing to set where the system knows none of the options. What a
// peer no longer takes is noticed by writes that get stuck, and by TCP's keep-alives.
func tune(net.Conn, time.Duration) {}

// acknowledger does nothing where acknowledgements cannot be asked for.
func acknowledger(net.Conn) func() { return func() {} }

// tcpAcknowledged knows nothing.
func tcpAcknowledged(net.Conn) (bytes uint64, all, known bool) { return 0, false, false }

// tcpFlow knows nothing.
func tcpFlow(net.Conn) (flow, bool) { return flow{}, false }

// govern leaves it to the system how much it sends.
func govern(net.Conn, float64, bool) {}
