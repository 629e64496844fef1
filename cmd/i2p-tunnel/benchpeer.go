package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/control/client"
)

// The protocol between bench and listen --bench is one line from each, and then bytes:
//
//	bench                     listen --bench
//	i2p-bench 1 echo LF  -->
//	                     <--  i2p-bench 1 ok LF
//	bytes, end           -->
//	                     <--  the same bytes, end
//
//	i2p-bench 1 take LF  -->
//	                     <--  i2p-bench 1 ok LF
//	bytes, end           -->
//	                     <--  how many they were, in decimal, LF, end
//
//	i2p-bench 1 give N LF -->
//	                     <--  i2p-bench 1 ok LF, N bytes, end
//
// A server that knows nothing of it is known by what it makes of the line.
const (
	benchHello  = "i2p-bench 1 "
	benchOK     = benchHello + "ok\n"
	maxBenchAsk = 64      // bytes of a line
	maxGive     = 1 << 30 // bytes
)

var errBenchAsk = errors.New("the peer does not speak as bench does")

// answerBench is the side of listen --bench. That a stream breaks off is nothing to tell of: bench
// only opens most of them.
func answerBench(ctx context.Context, stream *client.Stream) error {
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	in := bufio.NewReaderSize(stream, 64<<10)
	if err := answer(in, stream); err != nil {
		stream.BreakOff()
		if errors.Is(err, errBenchAsk) {
			return err
		}
		return nil
	}
	if stream.CloseWrite() == nil {
		fed := make(chan struct{})
		close(fed)
		finish(ctx, stream, fed)
	}
	return nil
}

// answer reads what is asked for, and does it.
func answer(in *bufio.Reader, out io.Writer) error {
	verb, n, err := readAsk(in)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, benchOK); err != nil {
		return err
	}
	switch verb {
	case "echo":
		_, err = io.Copy(onlyWriter{out}, in)
	case "take":
		n, err = io.Copy(io.Discard, in)
		if err == nil {
			_, err = fmt.Fprintf(out, "%d\n", n)
		}
	case "give":
		_, err = io.CopyN(out, filler(), n)
	}
	return err
}

// readAsk reads a line such as "i2p-bench 1 give 1000".
func readAsk(in *bufio.Reader) (verb string, n int64, err error) {
	var line []byte
	for len(line) == 0 || line[len(line)-1] != '\n' {
		b, err := in.ReadByte()
		if err != nil {
			return "", 0, err
		}
		if line = append(line, b); len(line) > maxBenchAsk {
			return "", 0, errBenchAsk
		}
	}
	ask, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), benchHello)
	verb, number, hasNumber := strings.Cut(ask, " ")
	switch {
	case !ok || hasNumber != (verb == "give"):
		return "", 0, errBenchAsk
	case hasNumber:
		if n, err = strconv.ParseInt(number, 10, 64); err != nil || n < 0 || n > maxGive {
			return "", 0, errBenchAsk
		}
	case verb != "echo" && verb != "take":
		return "", 0, errBenchAsk
	}
	return verb, n, nil
}

// filler is bytes without end that no compression makes shorter: routers compress.
func filler() io.Reader { return rand.NewChaCha8([32]byte{1}) }
