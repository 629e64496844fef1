package socks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// What requests ask for (RFC 1928, section 4).
const (
	connect   = 1
	bind      = 2
	associate = 3
)

// Kinds of addresses (RFC 1928, section 5).
const (
	ipv4   = 1
	domain = 3
	ipv6   = 4
)

// Methods of authentication (RFC 1928, section 3).
const (
	noAuth   = 0
	password = 2
	noMethod = 0xff
)

// The longest strings of SOCKS 4, which end with a zero; 4a's hosts may be destinations in base64.
const (
	maxUserID = 255
	maxHost4  = 1024
)

// address is what a request or a datagram is for: a host name, or an IP address.
type address struct {
	host string // "" with ip
	ip   netip.Addr
	port uint16
}

// request is what a client wants.
type request struct {
	version byte // 4 or 5
	command byte
	user    string
	address
}

var (
	errProtocol    = errors.New("socks: not the protocol")
	errUnwelcome   = errors.New("socks: wrong name or password")
	errAddressKind = errors.New("socks: unknown kind of address")
)

// greet reads a request, with what comes before. Where that fails, the client has been told as far
// as its version has words for it.
//
//	version 5: version 1 | n 1 | methods n, and then
//	           version 1 | command 1 | reserved 1 | kind 1 | address | port 2
func (p *Proxy) greet(c io.ReadWriter) (request, error) {
	version, err := readByte(c)
	switch {
	case err != nil:
		return request{}, err
	case version == 4:
		return p.greet4(c)
	case version == 5:
		return p.greet5(c)
	case version >= 'A' && version <= 'Z': // a method of HTTP
		io.WriteString(c, "HTTP/1.0 501 Not Implemented\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"+
			"This is a SOCKS proxy. Set it as such in your program, not as an HTTP proxy.\r\n")
	}
	return request{}, fmt.Errorf("%w: version %d", errProtocol, version)
}

// greet4 reads a request of SOCKS 4 or 4a.
//
//	version 1 | command 1 | port 2 | ip 4 | user | 0 | host | 0
//	host :: in 4a only, where ip is 0.0.0.x and x is not 0
func (p *Proxy) greet4(c io.ReadWriter) (request, error) {
	var b [7]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return request{}, err
	}
	r := request{version: 4, command: b[0]}
	r.port, r.ip = binary.BigEndian.Uint16(b[1:]), netip.AddrFrom4([4]byte(b[3:]))
	var err error
	if r.user, err = readString(c, maxUserID); err != nil {
		return request{}, err
	}
	if b[3] == 0 && b[4] == 0 && b[5] == 0 && b[6] != 0 {
		r.ip = netip.Addr{}
		if r.host, err = readString(c, maxHost4); err != nil {
			return request{}, err
		}
		if r.host == "" {
			return request{}, fmt.Errorf("%w: no host", errProtocol)
		}
	}
	if len(p.users) > 0 { // it has no passwords
		c.Write(r.reply(notAllowed, nil))
		return request{}, errUnwelcome
	}
	return r, nil
}

func (p *Proxy) greet5(c io.ReadWriter) (request, error) {
	n, err := readByte(c)
	if err != nil {
		return request{}, err
	}
	methods := make([]byte, n)
	if _, err := io.ReadFull(c, methods); err != nil {
		return request{}, err
	}
	r := request{version: 5}
	method := p.method(methods)
	if _, err := c.Write([]byte{5, method}); err != nil {
		return request{}, err
	}
	switch method {
	case noMethod:
		return request{}, fmt.Errorf("%w: it offers none", errUnwelcome)
	case password:
		if r.user, err = p.authenticate(c); err != nil {
			return request{}, err
		}
	}
	var b [3]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return request{}, err
	}
	if b[0] != 5 {
		return request{}, fmt.Errorf("%w: version %d", errProtocol, b[0])
	}
	r.command = b[1]
	if r.address, err = readAddress(c); errors.Is(err, errAddressKind) {
		c.Write(r.reply(badAddressKind, nil))
	}
	return r, err
}

// method chooses among those that a client offers. Where nobody need say who they are, names are
// asked for if they have a meaning, or the client knows nothing else.
func (p *Proxy) method(offered []byte) byte {
	named, free := bytes.IndexByte(offered, password) >= 0, bytes.IndexByte(offered, noAuth) >= 0
	switch {
	case named && (len(p.users) > 0 || p.cfg.DialFor != nil || !free):
		return password
	case free && len(p.users) == 0:
		return noAuth
	}
	return noMethod
}

// authenticate reads a name and a password (RFC 1929), and says whether they are taken.
//
//	1 | n 1 | name n | m 1 | password m
func (p *Proxy) authenticate(c io.ReadWriter) (user string, err error) {
	version, err := readByte(c)
	if err == nil && version != 1 {
		err = fmt.Errorf("%w: version %d of authentication", errProtocol, version)
	}
	if err != nil {
		return "", err
	}
	user, err = readCounted(c)
	if err != nil {
		return "", err
	}
	secret, err := readCounted(c)
	if err != nil {
		return "", err
	}
	if len(p.users) > 0 && !p.permits(user, secret) {
		c.Write([]byte{1, 1})
		return "", errUnwelcome
	}
	_, err = c.Write([]byte{1, 0})
	return user, err
}

// readAddress reads an address of version 5, as requests, replies and datagrams have it.
func readAddress(r io.Reader) (a address, err error) {
	kind, err := readByte(r)
	if err != nil {
		return address{}, err
	}
	switch kind {
	case domain:
		if a.host, err = readCounted(r); err == nil && a.host == "" {
			err = fmt.Errorf("%w: no host", errProtocol)
		}
	case ipv4:
		var b [4]byte
		_, err = io.ReadFull(r, b[:])
		a.ip = netip.AddrFrom4(b)
	case ipv6:
		var b [16]byte
		_, err = io.ReadFull(r, b[:])
		a.ip = netip.AddrFrom16(b)
	default:
		err = fmt.Errorf("%w: %d", errAddressKind, kind)
	}
	if err != nil {
		return address{}, err
	}
	var port [2]byte
	if _, err := io.ReadFull(r, port[:]); err != nil {
		return address{}, err
	}
	a.port = binary.BigEndian.Uint16(port[:])
	return a, nil
}

// numeric is the address with its host as an IP address, where it is one.
func (a address) numeric() address {
	if ip, err := netip.ParseAddr(a.host); err == nil {
		return address{ip: ip, port: a.port}
	}
	return a
}

// appendTo is what readAddress reads. A host of more than 255 bytes has no place in it.
func (a address) appendTo(b []byte) []byte {
	switch {
	case a.host != "":
		b = append(append(b, domain, byte(len(a.host))), a.host...)
	case a.ip.Is4():
		b = append(append(b, ipv4), a.ip.AsSlice()...)
	default:
		b = append(append(b, ipv6), a.ip.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, a.port)
}

// What reads a handshake reads not a byte more than belongs to it: what follows is the stream's.

func readByte(r io.Reader) (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r, b[:])
	return b[0], err
}

// readCounted reads a string behind its length.
func readCounted(r io.Reader) (string, error) {
	n, err := readByte(r)
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// readString reads a string of at most n bytes up to its zero.
func readString(r io.Reader, n int) (string, error) {
	var s []byte
	for {
		b, err := readByte(r)
		switch {
		case err != nil:
			return "", err
		case b == 0:
			return string(s), nil
		case len(s) == n:
			return "", fmt.Errorf("%w: more than %d bytes before a zero", errProtocol, n)
		}
		s = append(s, b)
	}
}
