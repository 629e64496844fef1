package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
)

// farewell bounds how long a peer whose command has ended is waited for.
const farewell = time.Minute

// commandFlag is -e.
func commandFlag() cli.Flag {
	return &cli.StringFlag{Name: "exec", Aliases: []string{"e"}, Usage: "give the stream to the shell `COMMAND` as its stdin and stdout"}
}

// execute gives a stream to a shell command. Where the command fails, the peer sees the stream
// break off behind what the command wrote.
func execute(ctx context.Context, command string, stream *client.Stream) error {
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
