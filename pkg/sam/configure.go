package sam

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

// keys are those that a client brings, or new ones.
func (c *conn) keys(args Args, asked options.Options) (*i2p.PrivateKeys, error) {
	text, there := args.Lookup("DESTINATION")
	switch {
	case !there || text == "":
		return nil, refuse("I2P_ERROR", "DESTINATION is to be a private key or TRANSIENT")
	case text != "TRANSIENT":
		b, err := i2p.DecodeBase64(text)
		if err != nil {
			return nil, refuse("INVALID_KEY", "%v", err)
		}
		keys, err := i2p.ParseKeyFile(b)
		if err == nil && keys.Offline != nil && !c.server.cfg.Now().Before(time.Unix(int64(keys.Offline.Expires), 0)) {
			err = errors.New("the transient key has expired, and nobody would take what it signs")
		}
		if err != nil {
			return nil, refuse("INVALID_KEY", "%v", err)
		}
		return keys, nil
	}
	return c.generate(args, asked.Signature)
}

// generate makes a destination of the type that is asked for.
func (c *conn) generate(args Args, t sign.Type) (keys *i2p.PrivateKeys, err error) {
	if name, there := args.Lookup("SIGNATURE_TYPE"); there && name != "" {
		if t, err = sign.ParseType(name); err != nil || !t.CanSign() {
			return nil, refuse("I2P_ERROR", "SIGNATURE_TYPE %s unsupported", name)
		}
	}
	c.client.Work(func() { keys, err = i2p.GenerateDestination(t, i2p.CryptoElGamal, c.server.cfg.Rand) })
	return keys, err
}

// canSign refuses the datagrams that nobody could check: those of the first kind have no place for a transient key
// (SAM V3, Repliable Datagrams: Datagram2).
func (s *session) canSign() error {
	if s.style == styleDatagram && s.keys.Offline != nil {
		return refuse("I2P_ERROR", "keys with an offline part cannot sign what STYLE=DATAGRAM sends: STYLE=DATAGRAM2 can")
	}
	return nil
}

// forbidden are what a primary session has no use for (Creating a PRIMARY Session).
var forbidden = []string{"PORT", "HOST", "FROM_PORT", "TO_PORT", "PROTOCOL", "LISTEN_PORT", "LISTEN_PROTOCOL", "HEADER"}

// ports are the defaults of what is sent, and what is listened to.
type ports struct {
	from, to       uint16
	protocol       byte // of RAW
	listenPort     uint16
	listenProtocol byte // of RAW; 0 is any
	header         bool // datagrams that are forwarded say their ports and protocol
}

// ours are the keys of a SESSION CREATE or ADD that are no options of the destination.
var ours = map[string]bool{
	"STYLE": true, "ID": true, "DESTINATION": true, "SIGNATURE_TYPE": true, "PORT": true, "HOST": true, "FROM_PORT": true, "TO_PORT": true,
	"PROTOCOL": true, "LISTEN_PORT": true, "LISTEN_PROTOCOL": true, "HEADER": true, "SILENT": true,
}

// options are what is asked of the destination. What this router does not know it passes over, as others do.
func (c *conn) options(args Args) (options.Options, error) {
	named := make(map[string]string)
	for _, a := range args {
		if !ours[a.Key] {
			named[a.Key] = a.Value
		}
	}
	over := c.server.cfg.Defaults()
	if over.Nickname == "" {
		over.Nickname = args.Get("ID")
	}
	asked, problems := options.Parse(over, named)
	if wrong := problems.But(options.Moot); len(wrong) > 0 {
		c.server.counts.ignored.Add(uint64(len(wrong)))
		c.server.log.Debug("SAM options passed over", "problems", wrong)
	}
	return asked, nil
}

// configure reads what a style has beside the options.
func (s *session) configure(ctx context.Context, args Args) error {
	_, packets := protocols[s.style]
	switch {
	case s.style == "":
		return refuse("I2P_ERROR", "no STYLE")
	case s.style == stylePrimary:
		for _, key := range forbidden {
			if _, there := args.Lookup(key); there {
				return refuse("I2P_ERROR", "%s has no place in a PRIMARY session", key)
			}
		}
		return nil
	case s.style != styleStream && !packets:
		return refuse("I2P_ERROR", "there is no STYLE %.32s", s.style)
	}
	if err := s.readPorts(args); err != nil || !packets {
		return err
	}
	return s.readForward(ctx, args)
}

// readPorts reads the ports and protocols.
func (s *session) readPorts(args Args) error {
	p := &s.ports
	p.protocol = protocols[s.style]
	raw := s.style == styleRaw
	for _, f := range []struct {
		key string
		to  *uint16
	}{{"FROM_PORT", &p.from}, {"TO_PORT", &p.to}} {
		if err := readPort(args, f.key, f.to); err != nil {
			return err
		}
	}
	p.listenPort = p.from
	if err := readPort(args, "LISTEN_PORT", &p.listenPort); err != nil {
		return err
	}
	if s.style == styleStream && p.listenPort != p.from && p.listenPort != 0 {
		return refuse("I2P_ERROR", "the LISTEN_PORT of a STREAM session is its FROM_PORT or 0")
	}
	if !raw {
		p.listenProtocol = p.protocol
		return nil
	}
	if err := readProtocol(args, "PROTOCOL", &p.protocol); err != nil {
		return err
	}
	p.listenProtocol = p.protocol
	if err := readProtocol(args, "LISTEN_PROTOCOL", &p.listenProtocol); err != nil {
		return err
	}
	p.header = strings.EqualFold(args.Get("HEADER"), "true")
	return nil
}

func readPort(args Args, key string, to *uint16) error {
	text := args.Get(key)
	if text == "" {
		return nil
	}
	n, ok := number(text, 1<<16-1)
	if !ok {
		return refuse("I2P_ERROR", "%s is to be from 0 to 65535", key)
	}
	*to = uint16(n)
	return nil
}

// readProtocol reads the protocol of raw datagrams, which is none that has a meaning of its own.
func readProtocol(args Args, key string, to *byte) error {
	text := args.Get(key)
	if text == "" {
		return nil
	}
	n, ok := number(text, 255)
	switch {
	case !ok:
		return refuse("I2P_ERROR", "%s is to be from 0 to 255", key)
	case n == datagram.Streaming || n == datagram.Repliable || n == datagram.Datagram2 || n == datagram.Datagram3:
		return refuse("I2P_ERROR", "%s %d is not for raw datagrams", key, n)
	}
	*to = byte(n)
	return nil
}

// readForward reads where datagrams are to go.
func (s *session) readForward(ctx context.Context, args Args) error {
	port, there := args.Lookup("PORT")
	if !there || port == "" || port == "0" {
		return nil
	}
	n, ok := number(port, 1<<16-1)
	if !ok {
		return refuse("I2P_ERROR", "PORT is to be from 1 to 65535")
	}
	hosts, err := s.conn.hosts(ctx, args)
	if err != nil {
		return err
	}
	s.forward = net.UDPAddrFromAddrPort(netip.AddrPortFrom(hosts[0], uint16(n)))
	return nil
}
