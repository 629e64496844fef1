package leaseset

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"i2ptoolkit/pkg/i2p"
)

// Service is one record of a service in a lease set's options (proposal 167, LS2 Option Specification),
// what SRV records are in DNS (RFC 2782):
//
//	optionkey   := _service._proto
//	optionvalue := self | srvrecord[,srvrecord]*
//	self        := "0" ttl port [appoptions]
//	srvrecord   := "1" ttl priority weight port target [appoptions]
//
// As the proposal's examples have it, "1" stands before the first of several records only; what has one
// before each is understood as well.
type Service struct {
	Self     bool   // it is the destination itself that offers it: there is neither Priority, Weight nor Target
	TTL      uint32 // seconds
	Priority uint16 // lower is preferred
	Weight   uint16 // among those of one priority: how often it is chosen
	Port     uint16
	Target   string // a host name or b32 address, in lower case
	App      string // of the application
}

var errService = errors.New("leaseset: no service record")

func badService(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errService, fmt.Sprintf(format, args...))
}

// CheckServiceName tells whether a name is a service's: such as _smtp._tcp.
func CheckServiceName(name string) error {
	service, proto, found := strings.Cut(name, ".")
	if !found || !isLabel(service) || proto != "_tcp" && proto != "_udp" {
		return badService("%q is none such as _smtp._tcp, in lower case and with _tcp or _udp", name)
	}
	return nil
}

// isLabel tells whether a text is "_" and letters, digits and dashes, of which none is at an end.
func isLabel(text string) bool {
	text, found := strings.CutPrefix(text, "_")
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return found && text != "" && text[0] != '-' && text[len(text)-1] != '-'
}

// ParseServices reads the value of an option.
func ParseServices(value string) ([]Service, error) {
	kind, rest, _ := strings.Cut(value, " ")
	switch kind {
	case "0":
		s, err := parseSelf(rest)
		return []Service{s}, err
	case "1":
	default:
		return nil, badService("it begins with %q, and not with 0 or 1", kind)
	}
	var all []Service
	for i, text := range strings.Split(rest, ",") {
		s, err := parseService(text)
		if bare, again := strings.CutPrefix(text, "1 "); err != nil && i > 0 && again {
			s, err = parseService(bare)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func parseSelf(text string) (s Service, err error) {
	fields := strings.Split(text, " ")
	if len(fields) != 2 && len(fields) != 3 {
		return Service{}, badService("%q is not a time and a port", text)
	}
	s = Service{Self: true}
	if s.TTL, err = ttl(fields[0]); err != nil {
		return Service{}, err
	}
	if s.Port, err = short("port", fields[1]); err != nil {
		return Service{}, err
	}
	return withApp(s, fields[2:])
}

func parseService(text string) (s Service, err error) {
	fields := strings.Split(text, " ")
	if len(fields) != 5 && len(fields) != 6 {
		return Service{}, badService("%q is not a time, a priority, a weight, a port and a target", text)
	}
	if s.TTL, err = ttl(fields[0]); err != nil {
		return Service{}, err
	}
	for i, to := range []*uint16{&s.Priority, &s.Weight, &s.Port} {
		if *to, err = short([]string{"priority", "weight", "port"}[i], fields[1+i]); err != nil {
			return Service{}, err
		}
	}
	s.Target = fields[4]
	n, err := i2p.ParseName(s.Target)
	if err != nil || n.Kind != i2p.NameHost && n.Kind != i2p.NameAddress || n.String() != s.Target || n.Port != 0 {
		return Service{}, badService("the target %q is neither a host name nor a b32 address, in lower case", s.Target)
	}
	return withApp(s, fields[5:])
}

func withApp(s Service, rest []string) (Service, error) {
	for _, app := range rest {
		if app == "" || strings.Contains(app, ",") || !utf8.ValidString(app) {
			return Service{}, badService("%q is no text for an application: it has neither spaces nor commas", app)
		}
		s.App = app
	}
	return s, nil
}

func ttl(text string) (uint32, error) {
	n, err := decimal(text, 32)
	if err != nil || n == 0 {
		return 0, badService("%q is no time in seconds", text)
	}
	return uint32(n), nil
}

func short(what, text string) (uint16, error) {
	n, err := decimal(text, 16)
	if err != nil {
		return 0, badService("%q is no %s from 0 to 65535", text, what)
	}
	return uint16(n), nil
}

// decimal has one spelling for a number.
func decimal(text string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, bits)
	if err == nil && strconv.FormatUint(n, 10) != text {
		err = strconv.ErrSyntax
	}
	return n, err
}

// OrderServices puts records into an order in which they are tried: by priority, and of one priority by lot,
// each according to its weight (RFC 2782, "Usage rules"). pick draws below n.
func OrderServices(all []Service, pick func(n int) int) (ordered []Service) {
	left := slices.Clone(all)
	slices.SortStableFunc(left, func(a, b Service) int {
		if a.Priority != b.Priority {
			return int(a.Priority) - int(b.Priority)
		}
		return min(int(a.Weight), 1) - min(int(b.Weight), 1) // those of no weight first, as the rules have it
	})
	for len(left) > 0 {
		sum, same := 0, 0
		for same < len(left) && left[same].Priority == left[0].Priority {
			sum += int(left[same].Weight)
			same++
		}
		drawn, chosen := pick(sum+1), 0
		for run := 0; chosen < same-1; chosen++ {
			if run += int(left[chosen].Weight); run >= drawn {
				break
			}
		}
		ordered = append(ordered, left[chosen])
		left = slices.Delete(left, chosen, chosen+1)
	}
	return ordered
}

// CutService takes a name with a service in front of it apart: _smtp._tcp.example.i2p. It is no host name: those
// have no underscores (naming).
func CutService(text string) (service, name string, found bool) {
	if !strings.HasPrefix(text, "_") {
		return "", text, false
	}
	labels := strings.SplitN(text, ".", 3)
	if len(labels) < 3 {
		return text, "", true
	}
	return strings.ToLower(labels[0] + "." + labels[1]), labels[2], true
}
