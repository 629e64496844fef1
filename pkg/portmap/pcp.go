package portmap

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"i2ptoolkit/pkg/draw"
)

// The messages of PCP (RFC 6887, Common Request and Response Header Format, and MAP Operation
// Packet Formats). Integers are big endian, addresses 16 bytes, of IPv4 as ::ffff:a.b.c.d.
//
//	request              response             MAP, both
//	 0 version   1        0 version   1       24 nonce               12
//	 1 opcode    1        1 opcode    1       36 protocol             1
//	 2 reserved  2        2 reserved  1       37 reserved             3
//	 4 lifetime  4        3 result    1       40 internal port        2
//	 8 client   16        4 lifetime  4       42 external port        2
//	                      8 epoch     4       44 external address    16
//	                     12 reserved 12
const (
	pcpPort     = 5351
	pcpVersion  = 2
	pcpAnnounce = 0
	pcpMap      = 1
	pcpResponse = 0x80 // of the opcode
	pcpHeader   = 24
	pcpLen      = 60
	pcpMost     = 1100 // of a packet
)

// pcpNonce names a mapping: who does not know it cannot change it.
type pcpNonce [12]byte

// pcpMapping is a MAP request, or what a response says.
type pcpMapping struct {
	Nonce    pcpNonce
	Protocol byte // of IANA
	Internal uint16
	External netip.AddrPort
	Lifetime uint32 // seconds
}

func pcpRequest(opcode byte, lifetime uint32, client netip.Addr) []byte {
	b := []byte{pcpVersion, opcode, 0, 0}
	b = binary.BigEndian.AppendUint32(b, lifetime)
	own := client.As16()
	return append(b, own[:]...)
}

// request is a MAP request from an address of ours.
func (m pcpMapping) request(client netip.Addr) []byte {
	b := append(pcpRequest(pcpMap, m.Lifetime, client), m.Nonce[:]...)
	b = append(b, m.Protocol, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, m.Internal)
	b = binary.BigEndian.AppendUint16(b, m.External.Port())
	external := netip.IPv6Unspecified()
	switch {
	case m.External.Addr().IsValid():
		external = m.External.Addr()
	case client.Is4():
		external = netip.IPv4Unspecified()
	}
	at := external.As16()
	return append(b, at[:]...)
}

// pcpError is a result that is not success (RFC 6887, Result Codes).
type pcpError byte

var pcpResults = [...]string{
	1: "unsupported version", "not authorized", "malformed request", "unsupported opcode", "unsupported option", "malformed option",
	"network failure", "no resources", "unsupported protocol", "quota exceeded", "cannot provide the external address",
	"address mismatch", "excessive remote peers",
}

func (e pcpError) Error() string {
	if int(e) < len(pcpResults) {
		return "PCP: " + pcpResults[e]
	}
	return fmt.Sprintf("PCP: result %d", byte(e))
}

var errPCP = errors.New("PCP: not a response to this request")

// pcpBody checks the header of a response to a request of this kind.
func pcpBody(b []byte, opcode byte, length int) ([]byte, error) {
	switch {
	case len(b) < 4 || len(b) > pcpMost || b[1] != pcpResponse|opcode:
		return nil, errPCP
	case b[3] != 0: // also that of a gateway which knows another version, and says it in its words
		return nil, pcpError(b[3])
	case b[0] != pcpVersion || len(b)%4 != 0 || len(b) < length:
		return nil, errPCP
	}
	return b, nil
}

// parsePCP reads the response to a MAP request. Options are skipped.
func parsePCP(b []byte) (m pcpMapping, err error) {
	b, err = pcpBody(b, pcpMap, pcpLen)
	if err != nil {
		return m, err
	}
	return pcpMapping{
		Nonce: pcpNonce(b[24:36]), Protocol: b[36], Internal: binary.BigEndian.Uint16(b[40:]),
		External: netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[44:60])).Unmap(), binary.BigEndian.Uint16(b[42:])),
		Lifetime: binary.BigEndian.Uint32(b[4:]),
	}, nil
}

// pcp is a gateway that speaks PCP.
type pcp struct {
	at     netip.AddrPort
	nonces map[Port]pcpNonce
	random *draw.Source
}

func (g *pcp) name() string { return "PCP" }

// pcpFinder asks a gateway whether it speaks PCP.
func pcpFinder(router func() netip.AddrPort, random *draw.Source) finder {
	nonces := map[Port]pcpNonce{} // for as long as we live: what was mapped before is renewed by them
	return func(ctx context.Context) (gateway, error) {
		g := &pcp{router(), nonces, random}
		if !g.at.IsValid() {
			return nil, errNone
		}
		return g, g.ask(ctx, func(own netip.Addr) []byte { return pcpRequest(pcpAnnounce, 0, own) }, func(b []byte) error {
			_, err := pcpBody(b, pcpAnnounce, pcpHeader)
			return err
		})
	}
}

func (g *pcp) of(p Port) pcpMapping {
	nonce, known := g.nonces[p]
	if !known {
		g.random.Fill(nonce[:])
		g.nonces[p] = nonce
	}
	m := pcpMapping{Nonce: nonce, Protocol: 17, Internal: p.Internal}
	if p.Protocol == TCP {
		m.Protocol = 6
	}
	return m
}

func (g *pcp) add(ctx context.Context, p Port, wanted netip.AddrPort, life time.Duration) (netip.AddrPort, time.Duration, error) {
	r, err := g.change(ctx, p, wanted, life)
	return r.External, time.Duration(r.Lifetime) * time.Second, err
}

func (g *pcp) remove(ctx context.Context, m Mapping) error {
	_, err := g.change(ctx, m.Port, netip.AddrPort{}, 0)
	return err
}

func (g *pcp) change(ctx context.Context, p Port, wanted netip.AddrPort, life time.Duration) (r pcpMapping, err error) {
	m := g.of(p)
	m.External, m.Lifetime = wanted, uint32(life/time.Second)
	err = g.ask(ctx, m.request, func(b []byte) (err error) {
		r, err = parsePCP(b)
		if err == nil && (r.Nonce != m.Nonce || r.Protocol != m.Protocol || r.Internal != m.Internal) {
			err = errPCP
		}
		return err
	})
	return r, err
}

// pcpFirstWait doubles with each try.
const pcpFirstWait = 250 * time.Millisecond

// ask sends a request until it is answered or ctx ends. What is no answer to it is passed over.
func (g *pcp) ask(ctx context.Context, request func(own netip.Addr) []byte, answer func([]byte) error) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", g.at.String()) // only what the gateway sends is read
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	out := request(conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap())
	b := make([]byte, pcpMost+1)
	for wait := pcpFirstWait; ; wait *= 2 {
		if _, err := conn.Write(out); err != nil {
			return cmp.Or(ctx.Err(), err)
		}
		for conn.SetReadDeadline(time.Now().Add(wait)); ; {
			n, err := conn.Read(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return cmp.Or(ctx.Err(), err)
			}
			if err := answer(b[:n]); !errors.Is(err, errPCP) {
				return err
			}
		}
	}
}
