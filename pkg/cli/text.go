package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"i2ptoolkit/pkg/control"
)

// Text is what an error says to a person, on one line: without the names of packages and of
// Go's types, and fit for a terminal.
func Text(err error) string { return Clean(textOf(err)) }

// textOf says an error, and what it wraps where that stands in it. What has been said in other words is
// not looked through again: the name of a file may end as a package is called.
func textOf(err error) string {
	text := err.Error()
	pack := packageOf(text)
	if plain, ok := plainly(err); ok {
		return plain
	}
	left := len(text)
	for _, inner := range slices.Backward(wrapped(err)) {
		said := inner.Error()
		i := strings.LastIndex(text[:left], said)
		if i < 0 {
			continue
		}
		text = text[:i] + textOf(inner) + text[i+len(said):]
		if left = i; i == 0 {
			pack = "" // the inner one has left it out
		}
	}
	return strings.TrimPrefix(text, pack)
}

// wrapped are the errors that an error wraps itself.
func wrapped(err error) []error {
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		if inner := w.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return w.Unwrap()
	}
	return nil
}

// packages begin errors of this program and of Go's library. Words that begin other
// sentences are not among them.
var packages = []string{
	"aes", "asn1", "cli", "client", "config", "control", "crypto/rsa", "datagram", "destinations",
	"family", "fetch", "foreign", "forward", "geoip", "hostrecord", "i2np", "i2p", "json", "leaseset", "netdb",
	"netdbdir", "ntcp2", "plan", "ratchet", "reseed", "routerinfo", "serve", "sign", "sockets", "streaming", "su3", "tls", "toml",
	"vanity", "x509", "zip",
}

// packageOf is the name of a package, and ": ", that a text begins with.
func packageOf(text string) string {
	name, _, found := strings.Cut(text, ": ")
	if found && slices.Contains(packages, name) {
		return name + ": "
	}
	return ""
}

// plainly says an error of Go's library in other words.
func plainly(err error) (string, bool) {
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
		return "it ends too early", true
	case context.DeadlineExceeded:
		return "timed out", true
	case context.Canceled:
		return "broken off", true
	case os.ErrClosed, io.ErrClosedPipe:
		return "closed already", true
	}
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Sprintf("no JSON at byte %d", e.Offset), true
	case *json.UnmarshalTypeError:
		return fmt.Sprintf("%s: a %s is not expected there", e.Field, e.Value), true
	case *strconv.NumError:
		if errors.Is(e.Err, strconv.ErrRange) {
			return e.Num + " is out of range", true
		}
		return strconv.Quote(e.Num) + " is no number", true
	case *exec.ExitError:
		if e.Exited() {
			return fmt.Sprintf("the command ended with status %d", e.ExitCode()), true
		}
		return "the command was ended by a " + e.Error(), true
	case *fs.PathError:
		return plainPath(e)
	case *control.Error: // the router's errors are text by the time they are here
		parts := strings.Split(e.Message, ": ")
		last := len(parts) - 1
		parts = append(slices.DeleteFunc(slices.Clone(parts[:last]), func(s string) bool { return slices.Contains(packages, s) }), parts[last])
		return strings.Join(parts, ": "), true
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var said, plain []string
		for _, e := range joined.Unwrap() {
			said, plain = append(said, e.Error()), append(plain, textOf(e))
		}
		if err.Error() == strings.Join(said, "\n") {
			return strings.Join(plain, "; "), true
		}
	}
	return "", false
}

// plainPath says what is no file by its path, but a stream, and of a file that cannot be had
// no more than why.
func plainPath(e *fs.PathError) (string, bool) {
	lacks := e.Op == "open" || e.Op == "stat" || e.Op == "lstat" || errors.Is(e.Err, syscall.EISDIR) // a directory is opened, and cannot be read
	switch {
	case strings.HasPrefix(e.Path, "|"):
		return "the pipe: " + textOf(e.Err), true
	case lacks && e.Path != "/dev/stdin":
		return e.Path + ": " + textOf(e.Err), true
	case e.Path == "/dev/stdin":
		return StandardInput + ": " + textOf(e.Err), true
	case e.Path == "/dev/stdout":
		return "standard output: " + textOf(e.Err), true
	}
	return "", false
}
