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
func Text(err error) string {
	text := err.Error()
	visit(err, func(e error) {
		said := e.Error()
		if inner := errors.Unwrap(e); inner != nil && inner.Error() == said {
			return // what says it is yet to come
		}
		plain, ok := plainly(e)
		if !ok {
			if plain = strings.TrimPrefix(said, packageOf(said)); plain == said {
				return
			}
		}
		if i := strings.LastIndex(text, said); i >= 0 {
			text = text[:i] + plain + text[i+len(said):]
		}
	})
	return Clean(text)
}

// visit calls f with an error and all that it wraps, the outer ones first.
func visit(err error, f func(error)) {
	f(err)
	switch w := err.(type) {
	case interface{ Unwrap() error }:
		if inner := w.Unwrap(); inner != nil {
			visit(inner, f)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range w.Unwrap() {
			visit(inner, f)
		}
	}
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
		var texts []string
		for _, e := range joined.Unwrap() {
			texts = append(texts, e.Error())
		}
		if err.Error() == strings.Join(texts, "\n") {
			return strings.Join(texts, "; "), true
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
		return "the pipe: " + e.Err.Error(), true
	case lacks && e.Path != "/dev/stdin":
		return e.Path + ": " + e.Err.Error(), true
	case e.Path == "/dev/stdin":
		return StandardInput + ": " + e.Err.Error(), true
	case e.Path == "/dev/stdout":
		return "standard output: " + e.Err.Error(), true
	}
	return "", false
}
