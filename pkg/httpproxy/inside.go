package httpproxy

import (
	"bytes"
	"context"
	"time"

	"i2ptoolkit/pkg/httpmsg"
)

// Browsers reach ws:// addresses by CONNECT, and then say in the clear all of what this proxy is
// there to keep to itself. So where the client speaks first, and speaks HTTP, what is in the
// connection is treated as what comes without CONNECT is. TLS, and what else begins in another
// way, is carried as it is.

// firstWord is how long a client has for its first word where the other side has spoken. Without
// it a site could speak at once, for the browser to be heard no more.
const firstWord = 500 * time.Millisecond

// speaksHTTP tells whether the client begins by itself, and with a request.
func (s *session) speaksHTTP(up *stream) bool {
	if !s.use(up) {
		return false
	}
	defer s.use(nil)
	begun := time.Now()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		up.r.Peek(1)
		s.c.SetReadDeadline(begun.Add(firstWord))
	}()
	is := false
	for n := 1; !is; n++ {
		begin, err := s.r.Peek(n)
		var more bool
		if is, more = beginsRequest(begin); err != nil || !more {
			break
		}
	}
	up.SetReadDeadline(past)
	<-heard
	up.SetReadDeadline(time.Time{})
	s.c.SetReadDeadline(time.Time{})
	return is
}

var requestBegins = [][]byte{
	[]byte("GET "), []byte("HEAD "), []byte("POST "), []byte("PUT "), []byte("DELETE "), []byte("OPTIONS "), []byte("PATCH "),
}

// beginsRequest tells whether what a client says is the beginning of a request; more, whether that
// is seen only when there is more of it.
func beginsRequest(b []byte) (is, more bool) {
	for _, begin := range requestBegins {
		n := len(begin)
		if len(b) <= n {
			more = more || bytes.HasPrefix(begin, b)
		} else if bytes.HasPrefix(b, begin) && (b[n] == '/' || b[n] == 'h' || b[n] == 'H' || b[n] == '*') {
			return true, false
		}
	}
	return false, more
}

// step goes on inside of CONNECT. The stream that was opened is there for the first request.
func (s *session) step(up *stream) bool {
	to := s.to
	s.inside = &to
	if to.kind == eepsite {
		s.p.pool.put(up)
	} else {
		up.abort()
		up.giveBack()
	}
	return true
}

// answerInside answers a request inside of CONNECT, which is for where that led, whatever it says.
func (s *session) answerInside(ctx context.Context) bool {
	c := &s.p.counts
	switch r := &s.req; {
	case r.Echoes(), r.Is("CONNECT"):
		c.method.Add(1)
		return s.refuse(faultMethod)
	case r.Target[0] != '/':
		c.malformed.Add(1)
		return s.refuse(faultMalformed(httpmsg.Malformed("inside of CONNECT an address begins with a slash")))
	}
	path, _, _ := bytes.Cut(s.req.Target, []byte{'#'})
	s.to = *s.inside
	s.to.path = path
	return s.fetch(ctx)
}
