package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

var stranger = func() i2p.Destination {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		panic(err)
	}
	return keys.Destination()
}()

// world is a Server and a web server behind it.
type world struct {
	*Server
	t     *testing.T
	web   func(net.Conn) // answers a connection; nil: none can be made
	dials int
	count splice.Count
}

// in has a test run in simulated time.
func in(t *testing.T, cfg Config, web func(net.Conn), test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(&world{Server: New(cfg), t: t, web: web}) })
}

// served answers as net/http does.
func served(h http.HandlerFunc) func(net.Conn) {
	return func(c net.Conn) {
		s := http.Server{Handler: h}
		s.Serve(&once{c: c, gone: make(chan struct{})})
	}
}

// once is a listener with one connection, and done with it.
type once struct {
	c    net.Conn
	gone chan struct{}
}

type closing struct {
	net.Conn
	gone chan struct{}
}

func (c closing) Close() error {
	defer func() { recover() }()
	defer close(c.gone)
	return c.Conn.Close()
}

func (o *once) Accept() (net.Conn, error) {
	if c := o.c; c != nil {
		o.c = nil
		return closing{c, o.gone}, nil
	}
	<-o.gone
	return nil, net.ErrClosed
}

func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return &net.UnixAddr{} }

var errDown = errors.New("down")

// peer opens a stream.
func (w *world) peer() *peer {
	near, far := net.Pipe()
	p := &peer{Conn: near, t: w.t, r: bufio.NewReader(near), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(p.done)
		w.Handle(ctx, far, stranger, func(context.Context) (net.Conn, error) {
			if w.web == nil {
				return nil, errDown
			}
			w.dials++
			a, b := net.Pipe()
			go w.web(b)
			return a, nil
		}, &w.count)
	}()
	w.t.Cleanup(func() { near.Close(); cancel(); <-p.done })
	return p
}

// peer is the far end of a stream.
type peer struct {
	net.Conn
	t    *testing.T
	r    *bufio.Reader
	done chan struct{}
}

// say writes, while what is answered may have to be read.
func (p *peer) say(text string) { go io.WriteString(p.Conn, text) }

// hear reads a response to a method.
func (p *peer) hear(method string) (*http.Response, string) {
	p.t.Helper()
	resp, err := http.ReadResponse(p.r, &http.Request{Method: method})
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp, string(b)
}

// ended fails where anything comes but the end.
func (p *peer) ended() {
	p.t.Helper()
	if b, _ := io.ReadAll(p.r); len(b) > 0 {
		p.t.Fatalf("%q comes before the end", b)
	}
	<-p.done
}
