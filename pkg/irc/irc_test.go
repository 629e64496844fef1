package irc

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/i2p"
)

func newSession(dcc bool) *session { return &session{dcc: dcc, counts: new(counts)} }

// TestFromClient: what a client says beside its user's words is left out or replaced, and counted.
func TestFromClient(t *testing.T) {
	for _, test := range []struct {
		name, line, want string
		count            func(Stats) uint64
	}{
		{"words", "PRIVMSG #i2p :hello there", "PRIVMSG #i2p :hello there", nil},
		{"lower case", "privmsg #i2p hello", "PRIVMSG #i2p :hello", nil},
		{"colours", "PRIVMSG #i2p :\x0304red\x03", "PRIVMSG #i2p :\x0304red\x03", nil},
		{"login and host", "USER alice alices-laptop irc.local :Alice Liddell", "USER user 0 * :user", nil},
		{"program's name in QUIT", "QUIT :HexChat 2.16 on Linux", "QUIT :leaving", nil},
		{"program's name in PART", "PART #i2p :mIRC v7", "PART #i2p", nil},
		{"action", "PRIVMSG #i2p :\x01ACTION waves\x01", "PRIVMSG #i2p :\x01ACTION waves\x01", nil},
		{"ctcp", "PRIVMSG bob :\x01VERSION\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp's answer", "NOTICE bob :\x01TIME Mon 12:00 CET\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp without a colon", "NOTICE bob \x01VERSION\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp behind text", "PRIVMSG bob :hi \x01VERSION\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp behind an action", "PRIVMSG bob :\x01ACTION x\x01\x01VERSION\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp before the last", "PRIVMSG bob \x01VERSION\x01 x", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp with a control byte", "PRIVMSG bob :\x06\x01VERSION\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"ctcp's mark elsewhere", "TOPIC #i2p :\x01VERSION\x01", "TOPIC #i2p VERSION", nil},
		{"dcc", "PRIVMSG bob :\x01DCC SEND f 3232235777 4000 9\x01", "", func(s Stats) uint64 { return s.DCC }},
		{"dcc in lower case", "PRIVMSG bob :\x01dcc chat chat 3232235777 4000", "", func(s Stats) uint64 { return s.DCC }},
		{"mIRC's dcc", "NOTICE bob :DCC Send f (192.168.1.1)", "", func(s Stats) uint64 { return s.DCC }},
		{"mIRC's dcc with a control byte", "NOTICE bob :\x05DCC Send f (192.168.1.1)", "", func(s Stats) uint64 { return s.DCC }},
		{"tags", "@+typing=active;label=1 PRIVMSG #i2p :x", "PRIVMSG #i2p :x", func(s Stats) uint64 { return s.Tags }},
		{"tags alone", "@+typing=active TAGMSG #i2p", "", func(s Stats) uint64 { return s.Command }},
		{"unknown command", "PROXY TCP4 192.168.1.1 1.2.3.4 1 2", "", func(s Stats) uint64 { return s.Command }},
		{"gateway", "WEBIRC p g host 1.2.3.4", "", func(s Stats) uint64 { return s.Command }},
		{"prefix", ":me!alice@laptop PRIVMSG #i2p :x", "", func(s Stats) uint64 { return s.Malformed }},
		{"no command", " ", "", func(s Stats) uint64 { return s.Malformed }},
		{"message without text", "PRIVMSG bob", "", func(s Stats) uint64 { return s.Malformed }},
		{"pong unasked", "PONG alices-laptop", "", func(s Stats) uint64 { return s.Pings }},
		{"capability", "CAP REQ :multi-prefix sasl", "CAP REQ :multi-prefix sasl", nil},
		{"unwanted capability", "CAP REQ :sasl message-tags", "CAP REQ :none", func(s Stats) uint64 { return s.Capability }},
		{"sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE PLAIN", nil},
		{"escape codes", "PRIVMSG #i2p :a\x1b[31mb\x00c\u009bd\x9be", "PRIVMSG #i2p :a[31mbcde", nil},
		{"too long", "PRIVMSG #i2p :" + strings.Repeat("é", 400), "PRIVMSG #i2p :" + strings.Repeat("é", 248), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(false)
			got := string(s.fromClient([]byte(test.line)))
			want := test.want
			if want != "" {
				want += "\r\n"
			}
			if got != want {
				t.Errorf("%q became %q, want %q", test.line, got, want)
			}
			if test.count != nil && test.count(s.counts.stats()) != 1 {
				t.Errorf("not counted: %+v", s.counts.stats())
			}
		})
	}
}

// TestFromServer: what would have a client act by itself, or go elsewhere, is left out.
func TestFromServer(t *testing.T) {
	for _, test := range []struct {
		name, line, want string
		count            func(Stats) uint64
	}{
		{"words", ":bob!b@h PRIVMSG me :hello", ":bob!b@h PRIVMSG me :hello", nil},
		{"numeric", ":irc.i2p 001 me :Welcome to it", ":irc.i2p 001 me :Welcome to it", nil},
		{"another server", ":irc.i2p 010 me irc.example.com 6667 :Please use this", "", func(s Stats) uint64 { return s.Command }},
		{"ctcp", ":bob!b@h PRIVMSG me :\x01VERSION\x01", "", func(s Stats) uint64 { return s.CTCP }},
		{"action", ":bob!b@h PRIVMSG me :\x01ACTION nods\x01", ":bob!b@h PRIVMSG me :\x01ACTION nods\x01", nil},
		{"dcc", ":bob!b@h PRIVMSG me :\x01DCC CHAT chat 1 2\x01", "", func(s Stats) uint64 { return s.DCC }},
		{"unknown command", ":bob!b@h TAGMSG me", "", func(s Stats) uint64 { return s.Command }},
		{"others' tags", "@time=2026-01-01T00:00:00.000Z;+draft/react=x :b PRIVMSG me :x", "@time=2026-01-01T00:00:00.000Z :b PRIVMSG me :x", func(s Stats) uint64 { return s.Tags }},
		{"encryption beside I2P", "CAP * LS :sasl sts=port=6697,duration=1", "CAP * LS :sasl", func(s Stats) uint64 { return s.Capability }},
		{"empty ping", "PING", "", func(s Stats) uint64 { return s.Malformed }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(false)
			got, want := string(s.fromServer([]byte(test.line))), test.want
			if want != "" {
				want += "\r\n"
			}
			if got != want {
				t.Errorf("%q became %q, want %q", test.line, got, want)
			}
			if test.count != nil && test.count(s.counts.stats()) != 1 {
				t.Errorf("not counted: %+v", s.counts.stats())
			}
		})
	}
}

// TestPings: a client hears its own word, of which the server knows nothing; and the server its own.
func TestPings(t *testing.T) {
	s := newSession(false)
	if got := string(s.fromClient([]byte("PING LAG1764172800000 192.168.1.1"))); got != "PING :p1\r\n" {
		t.Fatalf("%q", got)
	}
	if got := string(s.fromServer([]byte(":irc PONG irc :p1"))); got != ":irc PONG irc :LAG1764172800000\r\n" {
		t.Fatalf("%q", got)
	}
	if got := string(s.fromServer([]byte("PING :cookie"))); got != "PING :cookie\r\n" {
		t.Fatalf("%q", got)
	}
	if got := string(s.fromClient([]byte("PONG alices-laptop cookie"))); got != "PONG :cookie\r\n" {
		t.Fatalf("%q", got)
	}
	for range 10 * maxPings {
		s.fromClient([]byte("PING x"))
		s.fromServer([]byte("PING x"))
	}
	if len(s.pings) > maxPings || len(s.asked) > maxPings || s.counts.pings.Load() == 0 {
		t.Errorf("%d and %d remembered", len(s.pings), len(s.asked))
	}
}

// TestDCC: it passes where its user wants that.
func TestDCC(t *testing.T) {
	line := "PRIVMSG bob :\x01DCC SEND f 3232235777 4000 9\x01"
	if got := string(newSession(true).fromClient([]byte(line))); got != line+"\r\n" {
		t.Errorf("%q", got)
	}
}

// joined gives the far ends of what join joins.
func joined(t *testing.T, join func(ctx context.Context, local, stream net.Conn)) (local, stream net.Conn) {
	ours, local := net.Pipe()
	theirs, stream := net.Pipe()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); join(ctx, ours, theirs) }()
	t.Cleanup(func() { cancel(); <-done })
	return local, stream
}

// TestJoin: lines pass as they come; one that has no end is not kept in memory.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Client
		local, stream := joined(t, func(ctx context.Context, l, s net.Conn) { c.Join(ctx, l, s, new(splice.Count)) })
		go func() {
			io.WriteString(local, "NICK me\nUSER a b c :d\r\nPRIVMSG x :"+strings.Repeat("y", 10*maxLine)+"\r\nWHO x\rVERSION\nJOIN #i2p\r\n")
		}()
		r := bufio.NewReader(stream)
		for _, want := range []string{"NICK me\r\n", "USER user 0 * :user\r\n", "JOIN #i2p\r\n"} {
			if got, err := r.ReadString('\n'); got != want || err != nil {
				t.Fatalf("%q, %v, want %q", got, err, want)
			}
		}
		if s := c.Stats(); s.Long != 1 || s.Malformed != 1 || s.Passed != 3 {
			t.Errorf("%+v", s)
		}
	})
}

func register(t *testing.T, s *Server, says string) (server net.Conn, peer net.Conn) {
	local, stream := joined(t, func(ctx context.Context, l, st net.Conn) { s.Join(ctx, l, st, i2p.Hash{1}, new(splice.Count)) })
	go io.WriteString(stream, says)
	return local, stream
}

// TestServer: the server is told who comes, and what comes later is as it was.
func TestServer(t *testing.T) {
	b32 := i2p.Hash{1}.B32()
	cloaked := &Server{WebIRC: true, Password: "secret", Cloak: "key", Suffix: ".cloak"}
	host := cloaked.Host(i2p.Hash{1})
	if host == cloaked.Host(i2p.Hash{2}) || host == (&Server{Cloak: "another"}).Host(i2p.Hash{1}) || !strings.HasSuffix(host, ".cloak") || strings.Contains(b32, host[:10]) {
		t.Errorf("cloak %s", host)
	}
	for _, test := range []struct {
		name   string
		server *Server
		want   string
	}{
		{"user", &Server{}, "NICK me\r\nUSER a " + b32 + " c :d e\r\nPRIVMSG x :\x01VERSION\x01\n"},
		{"webirc", cloaked, "WEBIRC secret i2p " + host + " " + cloaked.address(i2p.Hash{1}).String() + "\r\nNICK me\r\nUSER a b c :d e\r\nPRIVMSG x :\x01VERSION\x01\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, _ := register(t, test.server, "NICK me\r\nUSER a b c :d e\r\nPRIVMSG x :\x01VERSION\x01\n")
				got := make([]byte, len(test.want))
				if _, err := io.ReadFull(server, got); err != nil || string(got) != test.want {
					t.Errorf("%q, %v, want %q", got, err, test.want)
				}
			})
		})
	}
}

// TestServerRefuses: who says to be a server or a gateway, says nothing, or too much.
func TestServerRefuses(t *testing.T) {
	for _, test := range []struct {
		name, says string
		count      func(Stats) uint64
	}{
		{"gateway", "WEBIRC secret i2p host 1.2.3.4\r\n", func(s Stats) uint64 { return s.Forbidden }},
		{"prefixed gateway", ":x webirc secret i2p host 1.2.3.4\r\n", func(s Stats) uint64 { return s.Forbidden }},
		{"server", "PASS x 0210\r\nSERVER evil.i2p 1 :x\r\n", func(s Stats) uint64 { return s.Forbidden }},
		{"proxy", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", func(s Stats) uint64 { return s.Forbidden }},
		{"web browser", "POST / HTTP/1.1\r\n", func(s Stats) uint64 { return s.Forbidden }},
		{"silence", "NICK me\r\n", func(s Stats) uint64 { return s.Slow }},
		{"no end", strings.Repeat("NICK me\r\n", 40), func(s Stats) uint64 { return s.Malformed }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Server{WebIRC: true, Password: "ours"}
				begun := time.Now()
				server, _ := register(t, s, test.says)
				all, _ := io.ReadAll(server)
				if bytes.Contains(bytes.ToUpper(all), []byte("SECRET")) || bytes.Contains(all, []byte("SERVER")) {
					t.Errorf("passed: %q", all)
				}
				if test.count(s.Stats()) != 1 {
					t.Errorf("%+v", s.Stats())
				}
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// FuzzFilter: what passes is one line of the bounds of one, passes again as it is, and has no command that
// is not on a list, no CTCP but ACTION, and no control byte that a terminal obeys.
func FuzzFilter(f *testing.F) {
	long := strings.Repeat("a", maxText)
	for _, s := range []string{"CAP LS " + long + " 0", "CAP * LS sts" + long + " 0", "PRIVMSG " + long + " :\x01ACTION x\x01", ":" + long + " TOPIC #a :b", "@time=\x01 :\x01n NOTE", "PRIVMSG #a :\x01ACTION x\x01", "@a=b;time=1 :p!u@h NOTICE x :y", "CAP * LS * :sts=1 sasl", "PING a b", "\x05:x", "PRIVMSG \x05:a :\x01X"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, line []byte, out bool) {
		if len(line) > maxLine || bytes.ContainsAny(line, "\r\n") {
			return
		}
		change := func(line []byte) []byte {
			s := newSession(false)
			if out {
				return s.fromClient(line)
			}
			return s.fromServer(line)
		}
		got := change(line)
		if got == nil {
			return
		}
		body, ended := bytes.CutSuffix(got, []byte("\r\n"))
		if !ended || bytes.ContainsAny(body, "\r\n\x00\x1b\x7f") {
			t.Fatalf("%q is not one line", got)
		}
		if body[0] != '@' && len(body) > maxText {
			t.Fatalf("%d bytes", len(body))
		}
		m, ok := parse(body)
		if !ok {
			t.Fatalf("%q is no message", body)
		}
		if bytes.Contains(body, []byte(ctcp)) && (len(m.params) < 2 || !strings.HasPrefix(strings.ToUpper(m.params[len(m.params)-1]), "\x01ACTION")) {
			t.Fatalf("%q", body)
		}
		if again := change(body); m.command != "PONG" && !bytes.Equal(again, got) {
			t.Fatalf("%q became %q became %q", line, got, again)
		}
	})
}
