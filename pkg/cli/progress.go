package cli

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Decorates tells whether f is a terminal on which bars and colours are wanted.
func Decorates(c *Context, f *os.File) bool {
	return !c.Bool("quiet") && IsTerminal(f) && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == ""
}

// Progress keeps a line on a terminal's stderr up to date until the function that it returns is
// called. Elsewhere it does nothing.
func Progress(c *Context, line func() string) (stop func()) {
	if !Decorates(c, os.Stderr) {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(os.Stderr, "\r\x1b[K%s", Clean(line()))
			case <-quit:
				fmt.Fprint(os.Stderr, "\r\x1b[K")
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// Bar is a bar of how much is done, from 0 to 1.
func Bar(done float64) string {
	const width = 24
	full := int(max(0, min(done, 1)) * width)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
