package sam

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine is the longest line, its end included.
const maxLine = 64 << 10

// Command is a line of a client (SAM V3, Encoding and Escaping).
//
//	COMMAND SUBCOMMAND [key=value] [key="long value"] ...
//	COMMAND
//	PING[ arbitrary text]
type Command struct {
	Verb, Sub string // in upper case
	Args      Args
	Text      string // of PING and PONG: all that follows, with its space
}

// Args are keys with their values, in their order.
type Args []Arg

// Arg is one of them. A key without a value has the empty one.
type Arg struct{ Key, Value string }

// Get gives the value of a key: the last one where there are several.
func (a Args) Get(key string) string {
	value, _ := a.Lookup(key)
	return value
}

// Lookup tells the empty value from none.
func (a Args) Lookup(key string) (value string, there bool) {
	for _, arg := range a {
		if arg.Key == key {
			value, there = arg.Value, true
		}
	}
	return value, there
}

var (
	errQuote   = errors.New("a quoted value has no end")
	errUTF8    = errors.New("the line is not UTF-8")
	errControl = errors.New("the line has control characters")
	errKey     = errors.New("a value has no key")
)

// ParseCommand reads a line without its end. An empty line has no verb.
func ParseCommand(line string) (Command, error) {
	line = strings.TrimRight(line, " \t\r")
	if !utf8.ValidString(line) {
		return Command{}, errUTF8
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return Command{}, errControl
	}
	verb, rest := word(line)
	c := Command{Verb: strings.ToUpper(verb)}
	if c.Verb == "PING" || c.Verb == "PONG" {
		c.Text = rest
		return c, nil
	}
	sub, rest := word(rest)
	c.Sub = strings.ToUpper(sub)
	var err error
	if c.Args, err = parseArgs(rest); err != nil {
		return Command{}, err
	}
	return c, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// word takes the first word off; the rest begins with the space behind it.
func word(s string) (first, rest string) {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for i := range len(s) {
		if isSpace(s[i]) {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// parseArgs reads keys and values. Within and outside of quotes a backslash takes the meaning from a quote and from
// another backslash, and is itself before anything else.
func parseArgs(s string) (args Args, err error) {
	for {
		for s != "" && isSpace(s[0]) {
			s = s[1:]
		}
		if s == "" {
			return args, nil
		}
		var token string
		var equals int
		if token, equals, s, err = takeArg(s); err != nil {
			return nil, err
		}
		switch {
		case equals == 0:
			return nil, errKey
		case equals < 0:
			args = append(args, Arg{Key: token})
		default:
			args = append(args, Arg{token[:equals], token[equals:]})
		}
	}
}

// takeArg takes one argument off. The token is the key and the value, and equals where the one ends; negative: there is
// no value.
func takeArg(s string) (token string, equals int, rest string, err error) {
	var b strings.Builder
	equals, quoted := -1, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '"':
			quoted = !quoted
		case quoted:
			b.WriteByte(c)
		case isSpace(c):
			return b.String(), equals, s[i:], nil
		case c == '=' && equals < 0:
			equals = b.Len()
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", 0, "", errQuote
	}
	return b.String(), equals, "", nil
}

// quote writes a value so that it is read as it is.
func quote(value string) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, value)
	if clean != "" && !strings.ContainsAny(clean, " \"\\") {
		return clean
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean) + `"`
}

// isKey tells whether a key can stand in a line as it is. A lease set has what its owner put there, who is a stranger:
// with a space or the end of a line in it he would speak to the application in our name.
func isKey(key string) bool {
	return key != "" && utf8.ValidString(key) && !strings.ContainsFunc(key, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`="\`, r)
	})
}

// reply is a line of ours.
type reply struct{ strings.Builder }

// answer begins one: "SESSION STATUS RESULT=OK".
func answer(head, result string) *reply {
	r := &reply{}
	r.WriteString(head + " RESULT=" + result)
	return r
}

// with adds a key and its value.
func (r *reply) with(key, value string) *reply {
	r.WriteString(" " + key + "=" + quote(value))
	return r
}

// saying adds a message for people.
func (r *reply) saying(format string, args ...any) *reply {
	text := quote(fmt.Sprintf(format, args...))
	if text[0] != '"' {
		text = `"` + text + `"`
	}
	r.WriteString(" MESSAGE=" + text)
	return r
}

func (r *reply) line() []byte { return []byte(r.String() + "\n") }
