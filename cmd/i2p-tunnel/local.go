package main

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"

	"i2ptoolkit/pkg/cli"
)

// local is this machine's end of a stream.
type local struct {
	in         io.Reader
	out        io.Writer
	closeWrite func() error // the peer has said all
	abort      func()       // it broke off: nobody here is to take that for an end
	terminal   bool         // somebody types
}

// standard are stdin and stdout: one connection where a super-server has started us for it
// (inetd, or systemd with StandardInput=socket). Where that is stderr as well, nothing is said
// there: it would be sent to whoever connected.
func standard() (local, error) {
	if !sameSocket(os.Stdin, os.Stdout) {
		return local{
			in: os.Stdin, out: os.Stdout,
			closeWrite: os.Stdout.Close, // whoever reads it may be waiting for its end before it ends our stdin
			abort:      func() {},
			terminal:   cli.IsTerminal(os.Stdin),
		}, nil
	}
	if sameSocket(os.Stdin, os.Stderr) {
		nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return local{}, err
		}
		os.Stderr = nowhere
	}
	conn, err := net.FileConn(os.Stdin)
	if err != nil {
		return local{}, err
	}
	return connection(conn)
}

func sameSocket(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && x.Mode().Type() == fs.ModeSocket && os.SameFile(x, y)
}

var errDatagrams = errors.New("the socket is for datagrams, and not for a connection")

// connection is a connection of this machine's. It is not closed by what it is used for.
func connection(conn net.Conn) (local, error) {
	c, ok := conn.(interface {
		net.Conn
		CloseWrite() error
	})
	if !ok || conn.LocalAddr().Network() == "unixgram" {
		return local{}, errDatagrams
	}
	return local{in: c, out: c, closeWrite: c.CloseWrite, abort: func() { abort(c) }}, nil
}

// abort resets a connection. One of a Unix socket can only be closed.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
