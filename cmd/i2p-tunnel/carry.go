package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// carry copies stdin to the stream and the stream to stdout until both directions have
// ended, and returns how the stream ended. The end of stdin is held back as h says. Its
// reading of stdin may outlive it.
func carry(ctx context.Context, stream *client.Stream, h *hold) error {
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	input := make(chan error, 1)
	go func() {
		_, err := io.Copy(onlyWriter{stream}, os.Stdin)
		if err == nil {
			h.wait(ctx)
			err = stream.CloseWrite()
		}
		input <- err
	}()
	_, outErr := io.Copy(io.MultiWriter(h, os.Stdout), stream)
	h.ended()
	if outErr != nil && ctx.Err() == nil {
		if op := new(net.OpError); errors.As(outErr, &op) { // the router's doing: it knows why
			if _, err := stream.Result(ctx); err != nil {
				return err
			}
		}
		stream.Close() // stdout is full or gone: the peer must not believe that we have it all
		return outErr
	}
	os.Stdout.Close() // whoever reads it may be waiting for its end before it ends our stdin
	if cli.IsTerminal(os.Stdin) {
		stream.CloseWrite() // nobody wants to type into a stream that said goodbye
	}
	_, err := stream.Result(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	select {
	case inErr := <-input:
		if inErr != nil && !errors.Is(err, &control.Error{Code: control.Reset}) {
			return errors.Join(inErr, err)
		}
	default:
	}
	return err
}

// onlyWriter hides ReadFrom, so that io.Copy reads stdin as it comes.
type onlyWriter struct{ io.Writer }
