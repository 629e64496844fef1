package irc

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"i2ptoolkit/pkg/forward/splice"
)

// Client is the filter between an IRC client of this machine and a server.
type Client struct {
	// DCC lets requests for direct connections pass as they are, with the addresses that are in them.
	DCC bool

	counts counts
}

// Stats returns the counts.
func (c *Client) Stats() Stats { return c.counts.stats() }

// Join carries lines both ways until both sides have ended, one has broken off, or ctx ends; then both
// are closed.
func (c *Client) Join(ctx context.Context, local, stream net.Conn, count *splice.Count) error {
	s := &session{dcc: c.DCC, counts: &c.counts}
	return splice.Both(ctx, filter(local, &c.counts, s.fromClient), filter(stream, &c.counts, s.fromServer), count)
}

// maxPings bounds the questions that are remembered, of either side.
const maxPings = 16

// session is what one connection's two directions know of each other.
type session struct {
	dcc    bool
	counts *counts

	mu    sync.Mutex // a leaf
	asked []string   // what the server's PINGs said
	pings []ping     // the client's
	turn  int
}

// ping is one of the client's, and what was said in its place.
type ping struct{ said, sent string }

// fromClient is what a line of the client's becomes; nil where it is left out.
func (s *session) fromClient(line []byte) []byte {
	m, ok := parse(line)
	if !ok || m.prefix != "" {
		s.counts.malformed.Add(1)
		return nil
	}
	if m.tags != "" { // typing, labels, answers: of no use to whoever has not asked for them
		m.tags = ""
		s.counts.tags.Add(1)
	}
	switch m.command {
	case "PRIVMSG", "NOTICE":
		return s.message(m)
	case "USER": // a client says its user's login, full name and host here
		m.params = []string{"user", "0", "*", "user"}
	case "QUIT": // programs say their names here
		m.params = []string{"leaving"}
	case "PART":
		m.params = m.params[:min(1, len(m.params))]
	case "PING":
		return s.clientPing(m)
	case "PONG":
		return s.clientPong(m)
	case "CAP":
		m.params = s.requested(m.params)
	default:
		if !slices.Contains(fromClients, m.command) {
			s.counts.command.Add(1)
			return nil
		}
	}
	return m.append(nil)
}

// fromServer is what a line of the server's becomes.
func (s *session) fromServer(line []byte) []byte {
	m, ok := parse(line)
	if !ok {
		s.counts.malformed.Add(1)
		return nil
	}
	if kept := keptTags(m.tags); kept != m.tags {
		m.tags = kept
		s.counts.tags.Add(1)
	}
	switch m.command {
	case "PRIVMSG", "NOTICE":
		return s.message(m)
	case "PING":
		return s.serverPing(m)
	case "PONG":
		s.serverPong(&m)
	case "CAP":
		s.offered(m.params)
	case "010": // "try that server": some clients do, and not through I2P
		s.counts.command.Add(1)
		return nil
	default:
		if !isNumeric(m.command) && !slices.Contains(fromServers, m.command) {
			s.counts.command.Add(1)
			return nil
		}
	}
	return m.append(nil)
}

// message is a PRIVMSG or NOTICE. Of what clients say to each other in it without their users, to be
// done or answered at once, only ACTION passes.
func (s *session) message(m message) []byte {
	if len(m.params) < 2 {
		s.counts.malformed.Add(1)
		return nil
	}
	last := len(m.params) - 1
	text := m.params[last]
	if slices.ContainsFunc(m.params[:last], func(p string) bool { return strings.Contains(p, ctcp) }) {
		s.counts.ctcp.Add(1)
		return nil
	}
	if len(text) > 4 && strings.EqualFold(text[:4], "DCC ") && m.command == "NOTICE" && !s.dcc { // as mIRC has it
		s.counts.dcc.Add(1)
		return nil
	}
	if !strings.Contains(text, ctcp) {
		return s.whole(m)
	}
	inner, led := strings.CutPrefix(text, ctcp)
	inner = strings.TrimSuffix(inner, ctcp)
	verb, _, _ := strings.Cut(inner, " ")
	verb = strings.ToUpper(verb)
	switch {
	case !led || strings.Contains(inner, ctcp):
		s.counts.ctcp.Add(1)
		return nil
	case verb == "ACTION":
	case verb == "DCC" && s.dcc:
	case verb == "DCC" || verb == "XDCC":
		s.counts.dcc.Add(1)
		return nil
	default:
		s.counts.ctcp.Add(1)
		return nil
	}
	m.params[last], m.quoted = inner, true
	return s.whole(m)
}

// whole writes a message whose parameters all have room: it has no text, where that has none behind whom it is for.
func (s *session) whole(m message) []byte {
	if len(m.fitting().params) < len(m.params) {
		s.counts.malformed.Add(1)
		return nil
	}
	return m.append(nil)
}

// clientPing asks with a word of ours: clients say addresses, or what time it is here.
func (s *session) clientPing(m message) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pings) == maxPings {
		s.pings = slices.Delete(s.pings, 0, 1)
		s.counts.pings.Add(1)
	}
	s.turn++
	p := ping{sent: "p" + strconv.Itoa(s.turn)}
	if len(m.params) > 0 {
		p.said = m.params[0]
	}
	s.pings = append(s.pings, p)
	m.params = []string{p.sent}
	return m.append(nil)
}

// serverPong has the client hear its own word again.
func (s *session) serverPong(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(m.params) == 0 {
		return
	}
	last := &m.params[len(m.params)-1]
	if i := slices.IndexFunc(s.pings, func(p ping) bool { return p.sent == *last }); i >= 0 {
		*last = s.pings[i].said
		s.pings = slices.Delete(s.pings, 0, i+1)
	}
}

func (s *session) serverPing(m message) []byte {
	if len(m.params) == 0 {
		s.counts.malformed.Add(1)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == maxPings {
		s.asked = slices.Delete(s.asked, 0, 1)
		s.counts.pings.Add(1)
	}
	m.params = m.params[:1]
	s.asked = append(s.asked, m.params[0])
	return m.append(nil)
}

// clientPong says what the server asked for, and nothing else.
func (s *session) clientPong(m message) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, word := range m.params {
		if i := slices.Index(s.asked, word); i >= 0 {
			s.asked = slices.Delete(s.asked, 0, i+1)
			m.params = []string{word}
			return m.append(nil)
		}
	}
	s.counts.pings.Add(1)
	return nil
}

// noSuchCapability is asked for in the place of those that are not: the server refuses it, which is an
// answer to the client.
const noSuchCapability = "none"

// requested leaves those capabilities in a client's CAP that are known to do no harm.
func (s *session) requested(params []string) []string {
	if len(params) < 2 || !strings.EqualFold(params[0], "REQ") {
		return params
	}
	for name := range strings.FieldsSeq(params[1]) {
		if !slices.Contains(capabilities, strings.TrimPrefix(name, "-")) {
			s.counts.capability.Add(1)
			return []string{params[0], noSuchCapability}
		}
	}
	return params
}

// offered leaves them in a server's.
func (s *session) offered(params []string) {
	if len(params) < 3 || !strings.EqualFold(params[1], "LS") && !strings.EqualFold(params[1], "NEW") {
		return
	}
	last := &params[len(params)-1]
	var kept []string
	for offer := range strings.FieldsSeq(*last) {
		name, _, _ := strings.Cut(offer, "=")
		if slices.Contains(capabilities, name) {
			kept = append(kept, offer)
		} else {
			s.counts.capability.Add(1)
		}
	}
	*last = strings.Join(kept, " ")
}

// keptTags leaves those of a server's tags that say something of the message, and nothing that other
// users' clients have for this one.
func keptTags(tags string) string {
	if tags == "" {
		return ""
	}
	var kept []string
	for tag := range strings.SplitSeq(tags, ";") {
		if name, _, _ := strings.Cut(tag, "="); slices.Contains(serverTags, name) {
			kept = append(kept, tag)
		}
	}
	return strings.Join(kept, ";")
}

func isNumeric(command string) bool {
	return len(command) == 3 && strings.Trim(command, "0123456789") == ""
}
