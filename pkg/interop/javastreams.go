//go:build linux

package interop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// JavaStreams is a destination of a Java router's: testdata/Streams.java, on
// Java's own streaming library.
type JavaStreams struct {
	*Process
	B32   string
	Opens time.Duration // how long its session took

	ns   *Namespace
	dir  string
	port int
}

// JavaStream is a stream of such a destination.
type JavaStream struct {
	*net.TCPConn
	LocalPort, RemotePort int // of an accepted one
	Peer                  string
}

// javaFirstPort is where the first of a network's JavaStreams listens.
const javaFirstPort = 7700

// compileStreams compiles Streams.java, once for a network.
func (ps *programs) compileStreams(ctx context.Context) (dir string, err error) {
	dir = filepath.Join(ps.dir, "classes")
	if _, err := os.Stat(filepath.Join(dir, "Streams.class")); err == nil {
		return dir, nil
	}
	path, err := classpath()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "javac", "-d", dir, "-cp", path, "testdata/Streams.java").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("interop: javac: %w: %s", err, out)
	}
	return dir, nil
}

// JavaOptions are I2CP options for tunnels of one length and number.
func JavaOptions(hops int) map[string]string {
	o := map[string]string{"i2cp.destination.sigType": "7", "i2cp.leaseSetEncType": "4"}
	for _, d := range []string{"inbound", "outbound"} {
		o[d+".length"], o[d+".quantity"], o[d+".lengthVariance"] = fmt.Sprint(hops), "2", "0"
	}
	return o
}

// Streams opens a destination at the router, with the keys of a file where one
// is named, and waits for its session.
func (r *Java) Streams(ctx context.Context, keys string, options map[string]string) (*JavaStreams, error) {
	classes, err := r.programs.compileStreams(ctx)
	if err != nil {
		return nil, err
	}
	if keys == "" {
		keys = "-"
	}
	number := len(r.programs.started)
	name := fmt.Sprintf("%s-streams-%d", r.Name, number)
	s := &JavaStreams{ns: r.ns, dir: filepath.Join(r.programs.dir, name), port: javaFirstPort + number}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "logger.config"), []byte(javaLog("client")), 0o600); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	args := []string{"Streams", fmt.Sprint(s.port), keys}
	for _, k := range slices.Sorted(maps.Keys(options)) {
		args = append(args, k+"="+options[k])
	}
	if s.Process, err = startJVM(r.ns, name, s.dir, "128m", classes, args...); err != nil {
		return nil, err
	}
	r.programs.started = append(r.programs.started, s.Process)
	err = Await(ctx, 2*time.Minute, name+" has a session", func(context.Context) error {
		b, err := os.ReadFile(s.LogFile)
		if s.B32 = b32Address.FindString(string(b)); s.B32 == "" && err == nil {
			err = errors.New("no address in its log")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, s.LogTail(5))
	}
	s.Opens = time.Since(s.Started)
	return s, nil
}

// Connect opens a stream from one port to another. Java says at once that there is no destination
// whose lease set has not come to the floodfill yet: then it is asked again.
func (s *JavaStreams) Connect(ctx context.Context, b32 string, to, from int) (c *JavaStream, err error) {
	late := Await(ctx, time.Minute, "Java finds "+b32, func(ctx context.Context) error {
		if c, _, err = s.request(ctx, fmt.Sprintf("connect %s %d %d", b32, to, from)); err != nil && strings.Contains(err.Error(), "destination not found") {
			return err
		}
		return nil
	})
	return c, cmp.Or(late, err)
}

// Accept waits for a stream.
func (s *JavaStreams) Accept(ctx context.Context) (*JavaStream, error) {
	c, answer, err := s.request(ctx, "accept")
	if err == nil {
		if _, err = fmt.Sscanf(answer, "ok %d %d %s", &c.LocalPort, &c.RemotePort, &c.Peer); err != nil {
			c.Close()
		}
	}
	return c, err
}

func (s *JavaStreams) request(ctx context.Context, line string) (stream *JavaStream, answer string, err error) {
	c, err := s.ns.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return nil, "", fmt.Errorf("interop: %s: %w", s.Name, err)
	}
	defer func() {
		if err != nil {
			c.Close()
			err = fmt.Errorf("interop: %s: %s: %w", s.Name, line, err)
		}
	}()
	stream = &JavaStream{TCPConn: c.(*net.TCPConn)}
	defer bound(ctx, stream)()
	if _, err = fmt.Fprintln(c, line); err != nil {
		return nil, "", err
	}
	var b [1]byte
	for b[0] != '\n' { // nothing that comes after it may be taken
		if _, err = c.Read(b[:]); err != nil {
			return nil, "", err
		}
		answer += string(b[:])
	}
	if answer = strings.TrimSpace(answer); !strings.HasPrefix(answer, "ok") {
		return nil, "", errors.New(answer)
	}
	return stream, answer, nil
}

// javaBuffer is what the library's receive buffer holds: 130 packets of the
// default size, which are fewer of the size that ECIES allows.
const javaBuffer = 130 * 1730 / 1812

// Dropped counts the packets that did not fit into the library's buffers: early
// is how many of them were further ahead than an empty buffer takes. The others
// met one that nobody had read.
func (s *JavaStreams) Dropped() (all, early int) {
	for _, line := range logged(s.dir, "client", "Dropping message ") {
		all++
		var id, inOrder int
		_, what, _ := strings.Cut(line, "Dropping message ")
		if n, _ := fmt.Sscanf(what, "%d, inbound buffer exceeded: %d/", &id, &inOrder); n == 2 && id > inOrder+javaBuffer {
			early++
		}
	}
	return all, early
}
