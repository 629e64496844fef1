package irc

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// message is one line (RFC 2812, section 2.3; IRCv3, Message Tags):
//
//	['@' tags SPACE] [':' prefix SPACE] command {SPACE middle} [SPACE ':' trailing]
type message struct {
	tags, prefix, command string
	params                []string
	quoted                bool // the last parameter is between two bytes 0x01
}

const (
	maxText   = 510 // bytes of a line without its tags and its end
	maxTags   = 8190
	maxPrefix = 400 // a nickname, a user's and a host's name; behind it a command and what it says have room
	maxParams = 15
	ctcp      = "\x01"
)

// parse reads a line without its end. What it has that is no text is left out before anything is looked
// at, so that nothing comes to mean something else by that.
func parse(line []byte) (m message, ok bool) {
	rest := plain(string(line))
	if rest, ok = strings.CutPrefix(rest, "@"); ok {
		m.tags, rest, _ = strings.Cut(rest, " ")
		m.tags = strings.ReplaceAll(m.tags, ctcp, "")
		rest = strings.TrimLeft(rest, " ")
	}
	if rest, ok = strings.CutPrefix(rest, ":"); ok {
		m.prefix, rest, _ = strings.Cut(rest, " ")
		m.prefix = strings.ReplaceAll(m.prefix, ctcp, "")
		rest = strings.TrimLeft(rest, " ")
		if m.prefix == "" || len(m.prefix) > maxPrefix {
			return message{}, false
		}
	}
	m.command, rest, _ = strings.Cut(rest, " ")
	m.command = strings.ToUpper(m.command)
	if m.command == "" || len(m.command) > 32 || strings.ContainsFunc(m.command, notInCommand) {
		return message{}, false
	}
	if m.command != "PRIVMSG" && m.command != "NOTICE" {
		rest = strings.ReplaceAll(rest, ctcp, "")
	}
	for rest = strings.TrimLeft(rest, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		if last, is := strings.CutPrefix(rest, ":"); is || len(m.params) == maxParams-1 {
			m.params = append(m.params, last)
			break
		}
		var p string
		p, rest, _ = strings.Cut(rest, " ")
		m.params = append(m.params, p)
	}
	return m.fitting(), true // what is behind that is not looked at, and will not be written
}

func notInCommand(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }

// append writes the line anew, with its end. What would be longer than a line may be is cut.
func (m message) append(to []byte) []byte {
	m = m.fitting()
	if m.tags != "" {
		to = append(append(append(to, '@'), m.tags...), ' ')
	}
	if m.prefix != "" {
		to = append(append(append(to, ':'), m.prefix...), ' ')
	}
	to = append(to, m.command...)
	for i, p := range m.params {
		to = append(to, ' ')
		if i == len(m.params)-1 {
			if m.behindColon(p) {
				to = append(to, ':')
			}
			if m.quoted {
				p = ctcp + p + ctcp
			}
		}
		to = append(to, p...)
	}
	return append(to, "\r\n"...)
}

// behindColon tells whether p is written behind a colon where it is the last.
func (m message) behindColon(p string) bool {
	return p == "" || m.quoted || p[0] == ':' || strings.Contains(p, " ") || slices.Contains(withText, m.command)
}

// fitting is the message with the parameters that have room, the last of them cut. They are cut before they are written:
// a line that is cut afterwards reads otherwise, with another parameter as its last, or half of a CTCP.
func (m message) fitting() message {
	room := maxText - len(m.command)
	if m.prefix != "" {
		room -= len(": ") + len(m.prefix)
	}
	for i, p := range m.params {
		least := len(" :")
		if m.quoted && i == len(m.params)-1 {
			least = len(" :" + ctcp + "ACTION" + ctcp)
		}
		if room < least {
			m.params, m.quoted = m.params[:i], false
			break
		}
		room -= len(" ") + len(p)
	}
	if len(m.params) == 0 {
		return m
	}
	last := len(m.params) - 1
	p := m.params[last]
	room += len(p)
	if m.behindColon(p) {
		room--
	}
	if m.quoted {
		room -= 2 * len(ctcp)
	}
	m.params = append(slices.Clone(m.params[:last]), cut(p, room))
	return m
}

// withText are the commands whose last parameter is written behind a colon whatever it is.
var withText = []string{"PRIVMSG", "NOTICE", "USER", "QUIT", "PING", "PONG", "CAP"}

// cut shortens text to at most n bytes, and to whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// formatting are the control characters that have a meaning in messages: the mark of CTCP, bold, colours, monospace,
// italics, struck out, underlined, and their end.
const formatting = ctcp + "\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f\t"

// plain leaves out the other control characters, which a terminal may obey. Bytes that are no UTF-8 pass,
// but for those that are control characters of a terminal by themselves.
func plain(text string) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		b := text[i]
		switch {
		case r == utf8.RuneError && n == 1 && b >= 0x80 && b < 0xa0:
		case r < ' ' && strings.IndexByte(formatting, b) < 0, r == 0x7f, r >= 0x80 && r < 0xa0:
		default:
			out = append(out, text[i:i+n]...)
		}
		i += n
	}
	return string(out)
}
