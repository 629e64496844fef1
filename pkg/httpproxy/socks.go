package httpproxy

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// socksConnect asks a SOCKS 5 outproxy for a connection by name (RFC 1928, RFC 1929).
func socksConnect(rw *stream, one *outproxy, host string, port uint16) error {
	const version, noAuth, password, connect, byName = 5, 0, 2, 1, 3
	method := byte(noAuth)
	if one.Name != "" || one.Password != "" {
		method = password
	}
	if len(host) > 255 || len(one.Name) > 255 || len(one.Password) > 255 {
		return refusal("its name is too long")
	}
	if _, err := rw.Write([]byte{version, 1, method}); err != nil {
		return err
	}
	var in [4]byte
	if _, err := io.ReadFull(rw.r, in[:2]); err != nil {
		return err
	}
	if in[0] != version || in[1] != method {
		return errors.New("it wants other credentials, or does not speak SOCKS 5")
	}
	if method == password {
		b := append([]byte{1, byte(len(one.Name))}, one.Name...)
		b = append(append(b, byte(len(one.Password))), one.Password...)
		if _, err := rw.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(rw.r, in[:2]); err != nil {
			return err
		}
		if in[1] != 0 {
			return errors.New("it does not take the credentials")
		}
	}
	b := append([]byte{version, connect, 0, byName, byte(len(host))}, host...)
	if _, err := rw.Write(binary.BigEndian.AppendUint16(b, port)); err != nil {
		return err
	}
	if _, err := io.ReadFull(rw.r, in[:]); err != nil {
		return err
	}
	if err := socksReply(in[1]); err != nil {
		return err
	}
	// The address that it is bound to is for nobody.
	length := 0
	switch in[3] {
	case 1:
		length = net.IPv4len
	case 4:
		length = net.IPv6len
	case byName:
		n, err := rw.r.ReadByte()
		if err != nil {
			return err
		}
		length = int(n)
	default:
		return errors.New("its answer is not one of SOCKS 5")
	}
	_, err := rw.r.Discard(length + 2)
	return err
}

// socksReply tells a failure of the outproxy from what it says of the host (RFC 1928 section 6).
func socksReply(code byte) error {
	switch code {
	case 0:
		return nil
	case 3:
		return refusal("its network is unreachable")
	case 4:
		return refusal("the host is unreachable")
	case 5:
		return refusal("the host refused the connection")
	case 6:
		return refusal("the way to it is too long")
	}
	return errors.New("it failed")
}
