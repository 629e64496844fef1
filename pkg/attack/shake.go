package attack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
)

// shaken is what went to and fro in a handshake over UDP.
type shaken struct {
	sent    [][]byte
	out, in int // bytes
}

// How many flights of a handshake's are sent: Token Request, Session Request, Session Confirmed.
const (
	halfOpenFlights = 2
	allFlights      = 3
)

// errUnanswered means that a handshake came to its end before the flights that it was to have.
var errUnanswered = errors.New("attack: a handshake is not answered")

// shakeFrom shakes hands with a router from an address, as far as so many flights. It waits at least
// so long for what comes, as the router sends its answers again.
func shakeFrom(ctx context.Context, bind bindFunc, at netip.AddrPort, with *routerinfo.RouterInfo, flights int, wait time.Duration) (s shaken, err error) {
	target, err := targetOf(with)
	if err != nil {
		return s, err
	}
	id, err := NewIdentity(nil, "LR")
	if err != nil {
		return s, err
	}
	conn, err := bind(ctx, at)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	random := draw.From(nil)
	var key [32]byte
	random.Fill(key[:])
	alice := ssu2.NewEndpoint(ssu2.Config{
		Hash: id.Hash(), Static: noise.NewKeyPair(key), NetID: NetID, Rand: random, Info: func() []byte { return id.Info.Bytes() },
	})
	_, r, err := alice.Dial(time.Now(), target)
	if err != nil {
		return s, err
	}
	begun, b := time.Now(), make([]byte, 2048)
	for flown := 0; ; {
		if len(r.Send) > 0 && flown < flights {
			flown++
			if err := s.send(conn, r.Send); err != nil {
				return s, err
			}
		}
		if flown == flights && time.Since(begun) >= wait {
			return s, nil
		}
		conn.SetReadDeadline(begun.Add(max(wait, time.Second)))
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			if flown < flights {
				return s, errUnanswered
			}
			return s, nil
		}
		s.in += n
		r = ssu2.Result{}
		if flown < flights {
			r = alice.Handle(time.Now(), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), b[:n])
		}
	}
}

func (s *shaken) send(conn *net.UDPConn, datagrams []ssu2.Datagram) error {
	for _, d := range datagrams {
		if _, err := conn.WriteToUDPAddrPort(d.Data, d.To); err != nil {
			return err
		}
		s.sent = append(s.sent, d.Data)
		s.out += len(d.Data)
	}
	return nil
}

// targetOf is where a router is reached over UDP and IPv4.
func targetOf(ri *routerinfo.RouterInfo) (ssu2.Target, error) {
	for _, a := range ri.SSU2() {
		if t, ok := ssu2.TargetOf(ri, a); ok && t.At.Addr().Is4() {
			return t, nil
		}
	}
	return ssu2.Target{}, fmt.Errorf("attack: %s has no SSU2 address of IPv4", ri.Hash())
}
