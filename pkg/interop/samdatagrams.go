//go:build linux

package interop

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// SAMDatagrams is a session for datagrams at an i2pd router, all of which go over its control
// connection.
type SAMDatagrams struct {
	*SAMSession
	style string
}

// SAMDatagrams opens a session of a style: DATAGRAM, DATAGRAM2, DATAGRAM3 or RAW.
func (r *I2PD) SAMDatagrams(ctx context.Context, style string, options map[string]string) (*SAMDatagrams, error) {
	return samDatagrams(ctx, r.ns, r.SAM(), style, options)
}

func samDatagrams(ctx context.Context, ns *Namespace, addr, style string, options map[string]string) (*SAMDatagrams, error) {
	c, err := dialSAM(ctx, ns, addr)
	if err != nil {
		return nil, err
	}
	s := &SAMDatagrams{&SAMSession{ns: ns, addr: addr, id: fmt.Sprintf("s%d", samID.Add(1)), control: c}, style}
	line := "SESSION CREATE STYLE=" + style + " ID=" + s.id + " DESTINATION=TRANSIENT SIGNATURE_TYPE=7"
	for _, k := range slices.Sorted(maps.Keys(options)) {
		line += " " + k + "=" + options[k]
	}
	if _, err = c.ask(ctx, line); err == nil {
		s.Destination, err = s.lookup(ctx, c, "ME")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// Send sends a datagram to a destination in base64.
func (s *SAMDatagrams) Send(destination, text string) error {
	verb := "DATAGRAM"
	if s.style == "RAW" {
		verb = "RAW"
	}
	_, err := fmt.Fprintf(s.control, "%s SEND DESTINATION=%s SIZE=%d\n%s", verb, destination, len(text), text)
	return err
}

// Receive waits for a datagram: from whom, in base64 where it says so, and what.
func (s *SAMDatagrams) Receive(ctx context.Context) (from, text string, err error) {
	stop := context.AfterFunc(ctx, func() { s.control.Close() })
	defer stop()
	line, err := s.control.r.ReadString('\n')
	if err != nil {
		return "", "", err
	}
	size := -1
	for _, f := range strings.Fields(line) {
		if v, ok := strings.CutPrefix(f, "DESTINATION="); ok {
			from = v
		}
		if v, ok := strings.CutPrefix(f, "SIZE="); ok {
			if size, err = strconv.Atoi(v); err != nil {
				return "", "", err
			}
		}
	}
	if size < 0 || size > 64<<10 {
		return "", "", fmt.Errorf("interop: SAM: %.80q is no datagram", line)
	}
	b := make([]byte, size)
	_, err = io.ReadFull(s.control.r, b)
	return from, string(b), err
}
