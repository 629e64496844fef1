package irc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/i2p"
)

// Server is what stands before an IRC server: it says who comes. There is no other filter; what a peer
// may do is the server's to say.
type Server struct {
	// WebIRC tells the server of a peer by WEBIRC with a Password, and as the Gateway. Otherwise the
	// host stands in USER, where many servers do not look.
	WebIRC            bool
	Password, Gateway string
	// Cloak is a secret by which peers' host names are made from their destinations: each has one, which
	// says nothing of its address. Empty: the address itself, as in other routers.
	Cloak  string
	Suffix string // behind a cloak; ".i2p" by default
	// Hello is how long a peer may take to register: 60 s.
	Hello time.Duration

	counts counts
}

// Stats returns the counts.
func (s *Server) Stats() Stats { return s.counts.stats() }

var errForbidden = errors.New("irc: not for strangers")

// registrationLines bounds what is said before USER.
const registrationLines = 32

// Join carries a peer's stream to a connection to the server, as splice.Both does.
func (s *Server) Join(ctx context.Context, target, stream net.Conn, peer i2p.Hash, count *splice.Count) error {
	hello := s.Hello
	if hello == 0 {
		hello = time.Minute
	}
	if err := stream.SetReadDeadline(time.Now().Add(hello)); err != nil {
		return err
	}
	r := &registration{lines: filter(stream, &s.counts, nil), server: s, host: s.Host(peer)}
	if s.WebIRC {
		r.pending = message{command: "WEBIRC", params: []string{s.Password, or(s.Gateway, "i2p"), r.host, s.address(peer).String()}}.append(nil)
	}
	r.change = r.line
	return splice.Both(ctx, target, r, count)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Host is the host name of a peer.
func (s *Server) Host(peer i2p.Hash) string {
	name := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	if s.Cloak == "" {
		return name.EncodeToString(peer[:]) + ".b32.i2p"
	}
	sum := s.sum("host", peer)
	return name.EncodeToString(sum[:16]) + or(s.Suffix, ".i2p")
}

// address is an address for servers that want one, and count or ban by it: one for each peer, of those
// that are nobody's (RFC 4193).
func (s *Server) address(peer i2p.Hash) netip.Addr {
	sum := s.sum("address", peer)
	sum[0] = 0xfd
	return netip.AddrFrom16([16]byte(sum[:16]))
}

func (s *Server) sum(what string, peer i2p.Hash) []byte {
	key := sha256.Sum256([]byte(s.Cloak))
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(what))
	h.Write(peer[:])
	return h.Sum(nil)
}

// registration is a peer's stream, whose lines are looked at until there was a USER.
type registration struct {
	*lines
	server *Server
	host   string
	n      int
	done   bool
}

// line is one before the registration's end.
func (r *registration) line(line []byte) []byte {
	m, ok := parse(line)
	if r.n++; !ok || r.n > registrationLines {
		r.server.counts.malformed.Add(1)
		r.failed = errForbidden
		return nil
	}
	switch m.command {
	case "WEBIRC", "SERVER", "SERVICE", "PROXY", "GET", "POST", "PUT", "CONNECT":
		r.server.counts.forbidden.Add(1)
		r.failed = errForbidden
		return nil
	case "USER":
		if len(m.params) < 4 {
			break // the server says so
		}
		if !r.server.WebIRC {
			m.params[1] = r.host
		}
		r.done = true
	}
	m.prefix = ""
	return m.append(nil)
}

// Read gives what a peer says, from USER on as it is.
func (r *registration) Read(b []byte) (int, error) {
	for len(r.pending) == 0 && !r.done && r.failed == nil {
		r.next()
		if errors.Is(r.failed, os.ErrDeadlineExceeded) {
			r.server.counts.slow.Add(1)
		}
		if r.done {
			if err := r.SetReadDeadline(time.Time{}); err != nil {
				return 0, err
			}
		}
	}
	if len(r.pending) > 0 {
		n := copy(b, r.pending)
		r.pending = r.pending[n:]
		return n, nil
	}
	if r.failed != nil {
		return 0, r.failed
	}
	return r.r.Read(b)
}
