package socks

import (
	"context"
	"errors"
	"net/netip"

	"i2ptoolkit/pkg/destinations"
)

// code is how a reply says what became of a request (RFC 1928, section 6, and from 0xf0 on Tor's
// proposal 304).
type code byte

const (
	succeeded          code = 0
	failure            code = 1
	notAllowed         code = 2
	networkUnreachable code = 3
	hostUnreachable    code = 4
	refused            code = 5
	expired            code = 6
	badCommand         code = 7
	badAddressKind     code = 8

	notFound       code = 0xf0 // the service's descriptor, which is a lease set here
	badDescriptor  code = 0xf1
	noIntroduction code = 0xf2
	badAddress     code = 0xf6
	notInTime      code = 0xf7
)

// Reasons of ours to refuse a request.
var (
	errCommand   = errors.New("socks: no such command is spoken")
	errIPAddress = errors.New("socks: an IP address, and there is no outproxy")
	errClearnet  = errors.New("socks: a name outside I2P, and there is no outproxy")
	errForbidden = errors.New("socks: an address that no outproxy is asked for")
	errName      = errors.New("socks: a name of I2P that can be none")
	errOutproxy  = errors.New("socks: no outproxy could be reached")
	errLocal     = errors.New("socks: no socket for datagrams")
	errCrowded   = errors.New("socks: too many associations")
)

// meanings are the codes of errors: the RFC's, and the extended one where there is one. The first
// that is one holds.
var meanings = []struct {
	err             error
	plain, extended code
}{
	{errCommand, badCommand, 0},
	{errIPAddress, badAddressKind, 0},
	{errClearnet, notAllowed, 0},
	{errForbidden, notAllowed, 0},
	{errName, hostUnreachable, badAddress},
	{errOutproxy, networkUnreachable, 0},
	{destinations.ErrReset, refused, 0},
	{destinations.ErrNotFound, hostUnreachable, notFound},
	{destinations.ErrEncryption, hostUnreachable, badDescriptor},
	{destinations.ErrLeaseSet, hostUnreachable, badDescriptor},
	{destinations.ErrNoTunnels, networkUnreachable, noIntroduction},
	{destinations.ErrUnreachable, networkUnreachable, 0},
	{destinations.ErrStopped, networkUnreachable, 0},
	{destinations.ErrClosed, networkUnreachable, 0},
	{destinations.ErrTimeout, expired, notInTime},
	{context.DeadlineExceeded, expired, notInTime},
	{destinations.ErrBusy, failure, 0},
	{errCrowded, failure, 0},
	{errLocal, failure, 0},
}

// codeOf is how an error is said. A name that nobody knows is a host that cannot be reached, and
// so is what there are no words for.
func codeOf(err error, extended bool) code {
	var said told
	if errors.As(err, &said) {
		return said.code
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			if extended && m.extended != 0 {
				return m.extended
			}
			return m.plain
		}
	}
	return hostUnreachable
}

// told is the code that an outproxy gave: it knows best.
type told struct{ code code }

func (told) Error() string { return "socks: the outproxy refused it" }

// Codes of SOCKS 4.
const (
	granted4  = 90
	rejected4 = 91
)

// reply is the answer to a request. bound is the address of an association.
//
//	version 5: 5 | code 1 | 0 | kind 1 | address | port 2
//	version 4: 0 | code 1 | port 2 | ip 4
func (r request) reply(c code, bound *netip.AddrPort) []byte {
	if r.version == 4 {
		if c == succeeded {
			return []byte{0, granted4, 0, 0, 0, 0, 0, 0}
		}
		return []byte{0, rejected4, 0, 0, 0, 0, 0, 0}
	}
	a := address{ip: netip.IPv4Unspecified()}
	if bound != nil {
		a = address{ip: bound.Addr().Unmap(), port: bound.Port()}
	}
	return a.appendTo([]byte{5, byte(c), 0})
}
