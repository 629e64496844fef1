// Package samtest holds conversations with a server that speaks SAM, of lines that are said and lines that have to be
// answered, and the runner that has them with any server.
package samtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"time"
)

// conversation is written from the specification (SAM V3).
//
//go:embed conversation.txt
var conversation string

// Scene is one conversation of several connections. Its lines are
//
//	1> TEXT   the connection 1, opened by its first line, says TEXT and the end of the line
//	1>| TEXT  it says TEXT alone; \n, \r, \xHH are as in Go
//	1< TEXT   it is told this line: * is any text, {x} what {x} was, or is from then on
//	1<| TEXT  it is told these bytes
//	1!        the server ends it, without another word
//	1.        it is closed
//	u> TEXT   TEXT is sent by UDP, with its escapes
//	u<| TEXT  a datagram comes to the port {udp}
//	f< TEXT   a connection comes to the port {tcp}, and begins with this line
//	s< TEXT   one with TLS comes to the port {tls}, and begins with this line
//
// {long} is a text of 60,000 bytes.
type Scene struct {
	Name  string
	Lines []string
}

// Scenes are all there are.
func Scenes() (all []Scene) {
	for line := range strings.Lines(conversation) {
		line = strings.TrimRight(line, "\n")
		name, begins := strings.CutPrefix(line, "== ")
		switch {
		case begins:
			all = append(all, Scene{Name: name})
		case line != "" && !strings.HasPrefix(line, "#"):
			last := &all[len(all)-1]
			last.Lines = append(last.Lines, line)
		}
	}
	return all
}

// Server is whom to speak to.
type Server struct {
	TCP, UDP string
	// Patience is how long an answer may take.
	Patience time.Duration
	// Vars are what {x} stands for from the start.
	Vars map[string]string
	// TLS is with what the program at {tls} speaks it.
	TLS *tls.Config
	// Tell is given each difference, and the scene goes on; nil: it ends with the first.
	Tell func(line string, d Difference)
}

// Difference is a line that was not told as it should be.
type Difference struct{ Want, Got string }

func (d Difference) Error() string { return fmt.Sprintf("want %s\n got %s", d.Want, d.Got) }

// speaker has one scene with a server.
type speaker struct {
	Server
	vars     map[string]string
	conns    map[string]*bufio.Reader
	open     map[string]net.Conn
	udp      *net.UDPConn
	forwards net.Listener
	secure   net.Listener // for TLS, whose certificate is nobody's
	taken    []net.Conn
}

// Play has a scene. An error is the first difference, or what made it impossible to go on.
func (s Server) Play(scene Scene) error {
	if s.Patience == 0 {
		s.Patience = 10 * time.Second
	}
	p := &speaker{Server: s, vars: map[string]string{"long": strings.Repeat("x", 60_000)}, conns: map[string]*bufio.Reader{}, open: map[string]net.Conn{}}
	for name, value := range s.Vars {
		p.vars[name] = value
	}
	defer p.close()
	var err error
	if p.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return err
	}
	if p.forwards, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if p.secure, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	p.vars["tls"] = fmt.Sprint(p.secure.Addr().(*net.TCPAddr).Port)
	p.vars["udp"] = fmt.Sprint(p.udp.LocalAddr().(*net.UDPAddr).Port)
	p.vars["tcp"] = fmt.Sprint(p.forwards.Addr().(*net.TCPAddr).Port)
	for i, line := range scene.Lines {
		err := p.step(line)
		if d, is := errors.AsType[Difference](err); is && s.Tell != nil {
			s.Tell(line, d)
		} else if err != nil {
			return fmt.Errorf("line %d: %s: %w", i+1, line, err)
		}
	}
	return nil
}

func (p *speaker) close() {
	for _, c := range p.open {
		c.Close()
	}
	for _, c := range p.taken {
		c.Close()
	}
	for _, c := range []io.Closer{p.udp, p.forwards, p.secure} {
		if c != io.Closer(nil) && c != io.Closer((*net.UDPConn)(nil)) {
			c.Close()
		}
	}
}

var step = regexp.MustCompile(`^([a-z0-9]+)(>\||<\||>|<|!|\.) ?(.*)$`)

func (p *speaker) step(line string) error {
	m := step.FindStringSubmatch(line)
	if m == nil {
		return errors.New("it is none")
	}
	who, what, text := m[1], m[2], m[3]
	switch {
	case who == "u" && what == ">":
		return p.send(text)
	case who == "u":
		return p.receive(text)
	case who == "f":
		return p.forwarded(p.forwards, text, func(c net.Conn) net.Conn { return c })
	case who == "s":
		return p.forwarded(p.secure, text, func(c net.Conn) net.Conn { return tls.Server(c, p.TLS) })
	}
	c, r, err := p.conn(who)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(p.Patience))
	switch what {
	case ">":
		_, err = io.WriteString(c, p.fill(text)+"\n")
	case ">|":
		_, err = io.WriteString(c, unescape(p.fill(text)))
	case "<":
		return p.told(r, text)
	case "<|":
		want := []byte(unescape(p.fill(text)))
		got := make([]byte, len(want))
		if n, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
			return Difference{fmt.Sprintf("%q", want), fmt.Sprintf("%q, %v", got[:n], err)}
		}
	case "!":
		got, err := r.ReadString('\n')
		if err == nil || got != "" || errors.Is(err, os.ErrDeadlineExceeded) {
			return Difference{"the end", fmt.Sprintf("%q, %v", got, err)}
		}
	case ".":
		c.Close()
		delete(p.open, who)
		delete(p.conns, who)
	}
	return err
}

// conn is a connection by its name, opened now where it is new.
func (p *speaker) conn(who string) (net.Conn, *bufio.Reader, error) {
	if p.open[who] == nil {
		c, err := net.Dial("tcp", p.TCP)
		if err != nil {
			return nil, nil, err
		}
		p.open[who], p.conns[who] = c, bufio.NewReader(c)
	}
	return p.open[who], p.conns[who], nil
}

func (p *speaker) told(r *bufio.Reader, want string) error {
	got, err := r.ReadString('\n')
	if err != nil {
		return Difference{want, fmt.Sprintf("%q, %v", got, err)}
	}
	return p.match(want, strings.TrimSuffix(got, "\n"))
}

var variable = regexp.MustCompile(`\\\{([a-z]+)\\\}|\\\*`)

// match compares a line, and notes what {x} is.
func (p *speaker) match(want, got string) error {
	var names []string
	pattern := variable.ReplaceAllStringFunc(regexp.QuoteMeta(want), func(v string) string {
		if v == `\*` {
			return ".*"
		}
		name := strings.Trim(v, `\{}`)
		if value, known := p.vars[name]; known {
			return regexp.QuoteMeta(value)
		}
		names = append(names, name)
		return `([A-Za-z0-9~=.-]+)`
	})
	m := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(got)
	if m == nil {
		return Difference{want, got}
	}
	for i, name := range names {
		p.vars[name] = m[i+1]
	}
	return nil
}

func (p *speaker) fill(text string) string {
	for name, value := range p.vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func (p *speaker) send(text string) error {
	c, err := net.Dial("udp", p.UDP)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.WriteString(c, unescape(p.fill(text)))
	return err
}

func (p *speaker) receive(want string) error {
	b := make([]byte, 64<<10)
	p.udp.SetReadDeadline(time.Now().Add(p.Patience))
	n, err := p.udp.Read(b)
	if err != nil {
		return Difference{want, err.Error()}
	}
	return p.match(want, strings.ReplaceAll(string(b[:n]), "\n", `\n`))
}

func (p *speaker) forwarded(to net.Listener, want string, spoken func(net.Conn) net.Conn) error {
	to.(*net.TCPListener).SetDeadline(time.Now().Add(p.Patience))
	c, err := to.Accept()
	if err != nil {
		return Difference{want, err.Error()}
	}
	p.taken = append(p.taken, c)
	c.SetDeadline(time.Now().Add(p.Patience))
	return p.told(bufio.NewReader(spoken(c)), want)
}

var escape = regexp.MustCompile(`\\(n|r|t|x[0-9a-f]{2})`)

func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		switch e[1] {
		case 'n':
			return "\n"
		case 'r':
			return "\r"
		case 't':
			return "\t"
		}
		var b byte
		fmt.Sscanf(e[2:], "%02x", &b)
		return string([]byte{b})
	})
}
