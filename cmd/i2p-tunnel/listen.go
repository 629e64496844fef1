package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/processors"
)

const (
	maxKeyFile  = 16 << 10
	maxCommands = 64 // of -e at once
	farewell    = time.Minute
)

func listenCommand() *cli.Command {
	return &cli.Command{
		Name:  "listen",
		Usage: "wait for a stream, and connect stdin and stdout, or a command, to it",
		Description: "Its address goes to stderr first; a line \"ready\" follows once peers can find it. Without -k the address\n" +
			"is a new one each time; one that is in use on the router already is an error. With --keep further\n" +
			"streams follow: to stdout one after another, and with nothing from stdin, or each to a command of its\n" +
			"own. The command finds its peer in I2P_PEER. Where it ends with a status other than 0, the peer gets\n" +
			"what it wrote, and then sees the stream break off.",
		Flags: tunnelFlags(cli.DurationFlag{Name: "timeout", Usage: "give up with status 5 when no stream came after `DURATION`", DefaultText: "never"},
			&cli.StringFlag{Name: "key", Aliases: []string{"k"}, Usage: "private key `FILE` of the address, as i2p-keygen dest makes it"},
			cli.Int(0, 65535, cli.IntFlag{Name: "port", Usage: "take streams to `PORT`", DefaultText: "0: to any port"}),
			&cli.BoolFlag{Name: "keep", Usage: "go on after the first stream"},
			&cli.StringFlag{Name: "exec", Aliases: []string{"e"}, Usage: "give the stream to the shell `COMMAND` as its stdin and stdout"},
		),
		Action: func(c *cli.Context) error {
			req, err := listenRequest(c)
			if err != nil {
				return err
			}
			defer processors.Follow()()
			session, err := openSession(c, c.Context, req)
			if err != nil {
				return err
			}
			defer session.Close()
			l := &listening{c: c, session: session, port: req.Listen[0]}
			return l.serve()
		},
	}
}

func listenRequest(c *cli.Context) (control.Open, error) {
	req := control.Open{Listen: []uint16{uint16(c.Int("port"))}}
	path := c.String("key")
	if path == "" {
		return req, nil
	}
	key, err := cli.ReadInput(c, path, maxKeyFile)
	if err != nil {
		if os.IsNotExist(err) {
			err = cli.WithHint(err, "i2p-keygen dest -o %s makes it", path)
		}
		return req, err
	}
	keys, rest, err := i2p.ParsePrivateKeys(key)
	if err != nil || len(rest) > 0 {
		return req, cli.Dataf("%s is no private key file", cli.InputName(path))
	}
	cli.NoteJava(c, path, keys.Identity)
	req.Key = key
	return req, nil
}

// listening is one run of listen.
type listening struct {
	c       *cli.Context
	session *client.Session
	port    uint16
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
	if !l.c.Bool("keep") {
		stream, err := l.accept(ctx)
		if err != nil {
			return err
		}
		defer stream.Close()
		if command := l.c.String("exec"); command != "" {
			return l.run(ctx, command, stream)
		}
		return carry(ctx, stream, newHold(0, false))
	}
	cli.Serve(l.c)
	err := l.keep(ctx, &background)
	if l.c.Context.Err() != nil {
		return nil // it was told to stop, and it did
	}
	return err
}

// accept waits for a stream, as long as --timeout allows.
func (l *listening) accept(ctx context.Context) (*client.Stream, error) {
	if limit := l.c.Duration("timeout"); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	stream, err := l.session.Accept(ctx, control.Accept{Port: l.port, Last: !l.c.Bool("keep")})
	if err != nil {
		return nil, timedOut(err, "no stream came")
	}
	cli.Verbosef(l.c, "stream from %s", peerName(stream))
	return stream, nil
}

// keep takes one stream after the other until the session, or the context, ends. What goes
// wrong in one stream is told and concerns no other.
func (l *listening) keep(ctx context.Context, background *sync.WaitGroup) error {
	command := l.c.String("exec")
	slots := make(chan struct{}, maxCommands)
	for {
		stream, err := l.accept(ctx)
		if err != nil {
			return err
		}
		if command == "" {
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
			l.tell(l.run(ctx, command, stream))
		})
	}
}

func (l *listening) tell(err error) {
	if err != nil && l.c.Context.Err() == nil {
		cli.Warnf(l.c, "stream: %v", err)
	}
}

// receive writes a stream to stdout and answers nothing.
func (l *listening) receive(ctx context.Context, stream *client.Stream) error {
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	if _, err := io.Copy(os.Stdout, stream); err != nil {
		return err
	}
	_, err := stream.Result(ctx)
	return err
}

// run gives a stream to a shell command. Where the command fails, the peer sees the stream
// break off behind what the command wrote.
func (l *listening) run(ctx context.Context, command string, stream *client.Stream) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), "I2P_PEER="+peerName(stream))
	cmd.Stdout, cmd.Stderr = onlyWriter{stream}, os.Stderr
	cmd.WaitDelay = time.Second
	// A pipe of our own: with cmd.Stdin, Wait would wait for the peer's end even when the
	// command no longer reads.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		io.Copy(stdin, stream) // its errors are the stream's, which Result tells, or the command's
		stdin.Close()
	}()
	err = cmd.Wait()
	if err == nil {
		err = stream.CloseWrite()
		if err == nil {
			err = finish(ctx, stream, fed)
		}
	} else if stream.BreakOff() == nil {
		finish(ctx, stream, fed) // it ends as broken, which the command's failure says better
	}
	stream.Close()
	<-fed
	return err
}

// finish waits for the peer to end too, so that everything written arrives. What it still
// sends goes nowhere, and it may not hold us for ever.
func finish(ctx context.Context, stream *client.Stream, fed <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		<-fed
		io.Copy(io.Discard, stream)
	}()
	_, err := stream.Result(ctx)
	stream.Close()
	<-drained
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// peerName is the b32 address of a stream's peer.
func peerName(stream *client.Stream) string {
	dest, err := i2p.ParseDestinationBase64(stream.Remote)
	if err != nil {
		return "?"
	}
	return dest.B32()
}
