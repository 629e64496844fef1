//go:build !linux

package transport

import "net"

// acknowledger does nothing where acknowledgements cannot be asked for.
func acknowledger(net.Conn) func() { return func() {} }
