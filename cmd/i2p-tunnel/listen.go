package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/processors"
)

const (
	maxKeyFile  = 16 << 10
	maxCommands = 64 // of -e at once
)

func listenCommand() *cli.Command {
	return &cli.Command{
		Name:  "listen",
		Usage: "wait for a stream, and connect stdin and stdout, a command or a server to it",
		Description: "Its address goes to stderr first; a line \"ready\" follows once peers can find it. Without -k the address\n" +
			"is a new one each time; one that is in use on the router already is an error: one key is open once. Where\n" +
			"stdin is empty, as that of services is, the peer is told so only once it has ended. With --keep further\n" +
			"streams follow: to stdout one after another, and with nothing from stdin, or each to a command, or a\n" +
			"connection, of its own. Without it, who comes second is refused. The command finds its peer in I2P_PEER.\n" +
			"Where it ends with a status other than 0, the peer gets what it wrote, and then sees the stream break off;\n" +
			"so it does where the server of --to cannot be reached. With --keep and a key file whose own key is kept\n" +
			"offline, HUP takes the transient key that the file has then. With -u it takes datagrams, see DATAGRAMS.",
		Flags: append(datagramFlags("take what comes by PROTOCOL alone"), tunnelFlags(cli.DurationFlag{Name: "timeout", Usage: "give up with status 5 when no stream came after `DURATION`", DefaultText: "never"},
			&cli.StringFlag{Name: "key", Aliases: []string{"k"}, Usage: "private key `FILE` of the address, as i2p-keygen dest makes it"},
			cli.Int(0, 65535, cli.IntFlag{Name: "port", Usage: "take streams to `PORT`", DefaultText: "0: to any port"}),
			&cli.BoolFlag{Name: "keep", Usage: "go on after the first stream"},
			commandFlag(),
			cli.Checked(cli.StringFlag{Name: "to", Usage: "connect the stream to a server at `HOST:PORT`, or unix:PATH"}, func(text string) error {
				_, err := parseServer(text)
				return err
			}),
			&cli.BoolFlag{Name: "bench", Usage: "be what i2p-tunnel bench measures with, for any number of streams"},
			idleFlag(),
			cli.Int(1, math.MaxInt32, cli.IntFlag{Name: "count", Usage: "with -u: end once `NUMBER` datagrams have come", DefaultText: "never"}),
			&cli.BoolFlag{Name: "reconnect", Usage: "when the router goes, or is not there yet, wait for it and listen again at the same address"},
		)...),
		Action: func(c *cli.Context) error {
			if err := checkDatagramFlags(c, "listen", []string{"keep", "to", "bench"}, []string{"count"}); err != nil {
				return err
			}
			ends := 0
			for _, flag := range []string{"exec", "to", "bench"} {
				if c.IsSet(flag) {
					ends++
				}
			}
			if ends > 1 {
				return cli.Usagef("listen: -e, --to and --bench are several ends for one stream")
			}
			req, err := listenRequest(c)
			if err != nil {
				return err
			}
			defer processors.Follow()()
			l := &listening{c: c, port: uint16(c.Int("port")), key: req.Key}
			if ends == 0 && !c.Bool("udp") {
				if l.end, err = standard(); err != nil {
					return err
				}
			}
			defer l.followKey()()
			if !c.Bool("reconnect") {
				return l.listen(req)
			}
			return l.again(req)
		},
	}
}

func listenRequest(c *cli.Context) (control.Open, error) {
	req := control.Open{Listen: []uint16{uint16(c.Int("port"))}, Options: idleOptions(c)}
	if c.Bool("udp") {
		req = control.Open{}
	}
	path := c.String("key")
	switch {
	case path == "" && !c.Bool("reconnect"):
		return req, nil
	case path == "":
		key, err := newKey(c)
		req.Key = key
		return req, err
	}
	keys, err := readKey(c, path)
	if err != nil {
		return req, err
	}
	cli.NoteJava(c, path, keys.Identity)
	req.Key = keys.AppendTo(nil)
	return req, nil
}

// newKey makes an address that lasts as long as the program.
func newKey(c *cli.Context) ([]byte, error) {
	asked, err := named(c)
	if err != nil {
		return nil, err
	}
	o, problems := options.Parse(options.Default(), asked)
	if err := problems.But(options.Moot).Err(); err != nil {
		return nil, cli.Usagef("%v", err)
	}
	keys, err := i2p.GenerateDestination(o.Signature, i2p.CryptoElGamal, nil)
	if err != nil {
		return nil, err
	}
	return keys.AppendTo(nil), nil
}

// listening is one run of listen.
type listening struct {
	c       *cli.Context
	session *client.Session
	port    uint16
	end     local // where a stream goes that is neither for a command nor for a server
	served  bool  // a stream has come

	mu  sync.Mutex // a leaf, of the session as it is reloaded
	key []byte     // that it is to have
}

// listen opens the session, and serves what comes.
func (l *listening) listen(req control.Open) error {
	session, err := openSession(l.c, l.c.Context, l.request(req))
	if errors.Is(err, &control.Error{Code: control.InUse}) {
		return cli.WithHint(err, "one key is open once: end the program or forward that has it, or take another key with -k")
	}
	if err != nil {
		return err
	}
	defer session.Close()
	l.mu.Lock()
	l.session = session
	l.mu.Unlock()
	return l.serve()
}

// again is listen across the ends of routers.
func (l *listening) again(req control.Open) error {
	var b backoff
	for {
		l.mu.Lock()
		l.session = nil
		l.mu.Unlock()
		err := l.listen(req)
		if err == nil || l.c.Context.Err() != nil {
			return err
		}
		if l.session != nil {
			b = backoff{}
		}
		if !l.routerGone(err) || l.served && !l.keeps() {
			return err
		}
		cli.Warnf(l.c, "%v: waiting for it", err)
		if !pause(l.c.Context, b.pause()) {
			return err
		}
	}
}

// routerGone tells whether it was for want of a router that the listening ended.
func (l *listening) routerGone(err error) bool {
	if l.session != nil {
		select {
		case <-l.session.Done():
			return true
		default:
		}
	}
	return cli.StatusOf(err) == cli.StatusNoRouter && !errors.Is(err, client.ErrForbidden)
}

func (l *listening) serve() error {
	address := l.session.B32
	if l.port != 0 {
		address = fmt.Sprintf("%s:%d", address, l.port)
	}
	cli.Notef(l.c, "listening on %s", address)
	ctx, cancel := context.WithCancel(l.c.Context)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() {
		if l.session.Ready(ctx) == nil {
			cli.Notef(l.c, "ready")
		}
	})
	if l.c.Bool("udp") {
		cli.Serve(l.c)
		return l.datagrams(ctx, &background)
	}
	if !l.keeps() {
		stream, err := l.accept(ctx)
		if err != nil {
			return err
		}
		defer stream.Close()
		return l.connect(ctx, stream)
	}
	cli.Serve(l.c)
	err := l.keep(ctx, &background)
	if l.c.Context.Err() != nil {
		return nil // it was told to stop, and it did
	}
	return err
}

// keeps tells whether further streams follow the first.
func (l *listening) keeps() bool { return l.c.Bool("keep") || l.c.Bool("bench") || l.c.Bool("udp") }

// accept waits for a stream, as long as --timeout allows.
func (l *listening) accept(ctx context.Context) (*client.Stream, error) {
	if limit := l.c.Duration("timeout"); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	stream, err := l.session.Accept(ctx, control.Accept{Port: l.port, Last: !l.keeps()})
	if err != nil {
		return nil, timedOut(err, "no stream came")
	}
	l.served = true
	cli.Verbosef(l.c, "stream from %s%s", peerName(stream), encrypted(stream))
	return stream, nil
}

// keep takes one stream after the other until the session, or the context, ends. What goes
// wrong in one stream is told and concerns no other.
func (l *listening) keep(ctx context.Context, background *sync.WaitGroup) error {
	toStdout := l.c.String("exec") == "" && l.c.String("to") == "" && !l.c.Bool("bench")
	slots := make(chan struct{}, l.most())
	for {
		stream, err := l.accept(ctx)
		if err != nil {
			return err
		}
		if toStdout {
			l.tell(l.receive(ctx, stream))
			stream.Close()
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			stream.Close()
			return ctx.Err()
		}
		background.Go(func() {
			defer func() { <-slots }()
			defer stream.Close()
			l.tell(l.connect(ctx, stream))
		})
	}
}

// most is how many streams there are at once, at most: a command takes more than a connection.
func (l *listening) most() int {
	if l.c.String("exec") != "" {
		return maxCommands
	}
	return maxConnections
}

// connect gives a stream what it is for.
func (l *listening) connect(ctx context.Context, stream *client.Stream) error {
	if command := l.c.String("exec"); command != "" {
		return execute(ctx, command, stream)
	}
	if l.c.Bool("bench") {
		return answerBench(ctx, stream)
	}
	text := l.c.String("to")
	if text == "" {
		return carry(ctx, stream, l.end, holdMute())
	}
	conn, err := dialServer(ctx, text)
	if err != nil {
		return err
	}
	defer conn.Close()
	end, err := connection(conn)
	if err != nil {
		return err
	}
	return carry(ctx, stream, end, newHold(0, false))
}

func (l *listening) tell(err error) {
	if err != nil && l.c.Context.Err() == nil {
		cli.Warnf(l.c, "stream: %v", err)
	}
}

// receive writes a stream to stdout and answers nothing. The end of that comes last: who sends has ended well once
// all is written, and peers that take an end for that of both directions are heard.
func (l *listening) receive(ctx context.Context, stream *client.Stream) error {
	told := make(chan struct{})
	ctx, cancel := lasting(ctx, stream, func() bool { return false }, told)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	if _, err := io.Copy(os.Stdout, stream); err != nil {
		return err
	}
	if err := stream.PeerEnded(ctx); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	close(told)
	_, err := stream.Result(ctx)
	return err
}
