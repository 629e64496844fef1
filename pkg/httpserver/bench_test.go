package httpserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"i2ptoolkit/pkg/forward/splice"
)

const browserRequest = "GET /index.html HTTP/1.1\r\nHost: site.i2p\r\nUser-Agent: MYOB/6.66 (AN/ON)\r\nAccept: text/html,application/xhtml+xml\r\n" +
	"Accept-Encoding: gzip, deflate\r\nCookie: session=0123456789abcdef\r\n\r\n"

// listen answers each connection to an address on loopback.
func listen(b *testing.B, handle func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	return l.Addr().String()
}

// head reads the head of a message.
func head(r *bufio.Reader) error {
	for {
		if line, err := r.ReadSlice('\n'); err != nil || len(line) == 2 {
			return err
		}
	}
}

// benchWeb answers with n bytes, with as little effort as can be.
func benchWeb(b *testing.B, n int) string {
	answer := append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: x\r\nDate: Thu, 26 Nov 2026 14:00:00 GMT\r\nContent-Length: %d\r\n\r\n", n), make([]byte, n)...)
	return listen(b, func(c net.Conn) {
		defer c.Close()
		for r := bufio.NewReader(c); head(r) == nil; {
			c.Write(answer)
		}
	})
}

// BenchmarkRequest is a request on a stream that is kept, with this package before the web server, with a
// forward that only carries, and without either: the differences are what each costs.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{500, 16 << 20} {
		for _, by := range []string{"httpserver", "splice", "direct"} {
			b.Run(fmt.Sprintf("%d/%s", size, by), func(b *testing.B) {
				web := benchWeb(b, size)
				dial := func(context.Context) (net.Conn, error) { return net.Dial("tcp", web) }
				address, s := web, New(Config{})
				switch by {
				case "httpserver":
					address = listen(b, func(c net.Conn) { s.Handle(b.Context(), c, stranger, dial, new(splice.Count)) })
				case "splice":
					address = listen(b, func(c net.Conn) {
						if up, err := dial(b.Context()); err == nil {
							splice.Both(b.Context(), up, c, new(splice.Count))
						}
					})
				}
				ask(b, address, size)
			})
		}
	}
}

func ask(b *testing.B, address string, n int) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	b.ReportAllocs()
	b.SetBytes(int64(n))
	for b.Loop() {
		io.WriteString(c, browserRequest)
		if err := head(r); err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
			b.Fatal(err)
		}
	}
}
