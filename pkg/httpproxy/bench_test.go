package httpproxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"i2ptoolkit/pkg/httpmsg"
)

// benchSite answers requests with n bytes, on loopback, with as little effort as can be.
func benchSite(b *testing.B, n int) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := append([]byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\nDate: Thu, 26 Nov 2026 14:00:00 GMT\r\nContent-Length: %d\r\n\r\n", n)), make([]byte, n)...)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) == 2 {
							break
						}
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// benchProxy is a proxy on loopback.
func benchProxy(b *testing.B, site string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	p := New(Config{Dial: func(context.Context, string, uint16) (net.Conn, error) { return net.Dial("tcp", site) }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { p.Serve(ctx, l); close(ended) }()
	b.Cleanup(func() { cancel(); <-ended })
	return l.Addr().String()
}

const browserRequest = "GET http://site.i2p/index.html HTTP/1.1\r\nHost: site.i2p\r\nProxy-Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n" +
	"Accept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef\r\n\r\n"

// ask sends requests one after the other, and reads n bytes of body of each answer.
func ask(b *testing.B, address string, n int) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	request := []byte(browserRequest)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		c.Write(request)
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if len(line) == 2 {
				break
			}
		}
		if m, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
			b.Fatal(m, err)
		}
	}
}

// BenchmarkRequest is a request that is answered with a short page, on connections that are kept,
// through the proxy and without it: the difference is the proxy's.
func BenchmarkRequest(b *testing.B) {
	b.Run("proxy", func(b *testing.B) { ask(b, benchProxy(b, benchSite(b, 500)), 500) })
	b.Run("direct", func(b *testing.B) { ask(b, benchSite(b, 500), 500) })
}

// BenchmarkBody is a response of 16 MB.
func BenchmarkBody(b *testing.B) {
	const size = 16 << 20
	for name, address := range map[string]func(*testing.B) string{
		"proxy":  func(b *testing.B) string { return benchProxy(b, benchSite(b, size)) },
		"direct": func(b *testing.B) string { return benchSite(b, size) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			ask(b, address(b), size)
		})
	}
}

// BenchmarkHead is what the proxy itself does of a request: reading one head and writing another.
func BenchmarkHead(b *testing.B) {
	p := New(Config{})
	var r httpmsg.Request
	var to target
	in := newScript(nil, true)
	br := bufio.NewReaderSize(in, readSize)
	out := make([]byte, 0, writeSize)
	up := new(stream)
	b.ReportAllocs()
	for range b.N {
		in.in = []byte(browserRequest)
		br.Reset(in)
		if err := r.Read(br, 64<<10); err != nil {
			b.Fatal(err)
		}
		if err := to.find(&r); err != nil {
			b.Fatal(err)
		}
		out = p.appendRequest(out[:0], &r, &to, up)
	}
}
