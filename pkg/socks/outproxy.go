package socks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Outproxy is a destination that reaches what is not in I2P.
type Outproxy struct {
	Host           string // a name of I2P
	Port           uint16
	HTTP           bool   // it takes CONNECT; else SOCKS 5
	User, Password string // of at most 255 bytes; "" where it asks for none
}

// reachOut asks the outproxies one after the other, first the one that was reached last. One that
// is reached and refuses has the last word: another would be told a second time where somebody
// wants to go. The time is shared out, so that one that is silent does not use up all of it.
func (p *Proxy) reachOut(ctx context.Context, user string, to address) (net.Conn, error) {
	all := p.cfg.Outproxies
	first := int(p.outproxy.Load())
	var failures []error
	for i := range all {
		at := (first + i) % len(all)
		turn, cancel := share(ctx, len(all)-i)
		c, err := p.reachBy(turn, user, all[at], to)
		cancel()
		var said told
		if err == nil || errors.As(err, &said) {
			p.outproxy.Store(int32(at))
			return c, err
		}
		if failures = append(failures, err); ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%w: %w", errOutproxy, errors.Join(failures...))
}

// share is the time of the first of n who have what is left of a context's.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	at, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(at)/time.Duration(n))
}

// reachBy asks one outproxy.
func (p *Proxy) reachBy(ctx context.Context, user string, o Outproxy, to address) (net.Conn, error) {
	c, err := p.dial(user)(ctx, o.Host, o.Port)
	if err != nil {
		return nil, err
	}
	if at, bounded := ctx.Deadline(); bounded {
		c.SetDeadline(at)
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	ask := o.askSOCKS
	if o.HTTP {
		ask = o.askHTTP
	}
	err = ask(c, to)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	c.SetDeadline(time.Time{})
	return c, nil
}

// askSOCKS asks for a connection by SOCKS 5.
func (o Outproxy) askSOCKS(c io.ReadWriter, to address) error {
	method := byte(noAuth)
	if o.User != "" {
		method = password
	}
	if _, err := c.Write([]byte{5, 1, method}); err != nil {
		return err
	}
	var b [2]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return err
	}
	if b != [2]byte{5, method} {
		return fmt.Errorf("%w: the outproxy takes another method", errProtocol)
	}
	if method == password {
		m := append([]byte{1, byte(len(o.User))}, o.User...)
		m = append(append(m, byte(len(o.Password))), o.Password...)
		if _, err := c.Write(m); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return err
		}
		if b[1] != 0 {
			return fmt.Errorf("%w: the outproxy's", errUnwelcome)
		}
	}
	if _, err := c.Write(to.numeric().appendTo([]byte{5, connect, 0})); err != nil {
		return err
	}
	var head [3]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	if head[0] != 5 {
		return fmt.Errorf("%w: version %d", errProtocol, head[0])
	}
	if head[1] != byte(succeeded) {
		return told{code(head[1])}
	}
	_, err := readAddress(c)
	return err
}

// maxHead is how long an outproxy's answer to a CONNECT may be.
const maxHead = 16 << 10

// askHTTP asks for a connection by HTTP (RFC 9110, section 9.3.6).
func (o Outproxy) askHTTP(c io.ReadWriter, to address) error {
	at := net.JoinHostPort(to.host, strconv.Itoa(int(to.port)))
	head := "CONNECT " + at + " HTTP/1.1\r\nHost: " + at + "\r\n"
	if o.User != "" {
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(o.User+":"+o.Password)) + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return err
	}
	answer, err := readHead(c)
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	switch status := res.StatusCode; {
	case status/100 == 2:
		return nil
	case status == http.StatusForbidden:
		return told{notAllowed}
	case status == http.StatusNotFound, status == http.StatusBadGateway, status == http.StatusServiceUnavailable:
		return told{hostUnreachable}
	case status == http.StatusGatewayTimeout:
		return told{expired}
	default:
		return fmt.Errorf("socks: the outproxy answers %d", status)
	}
}

// readHead reads up to the empty line of an HTTP head, and nothing of what follows.
func readHead(r io.Reader) ([]byte, error) {
	var b []byte
	for !bytes.HasSuffix(b, []byte("\r\n\r\n")) && !bytes.HasSuffix(b, []byte("\n\n")) {
		if len(b) == maxHead {
			return nil, fmt.Errorf("%w: an answer of more than %d bytes", errProtocol, maxHead)
		}
		c, err := readByte(r)
		if err != nil {
			return nil, err
		}
		b = append(b, c)
	}
	return b, nil
}
