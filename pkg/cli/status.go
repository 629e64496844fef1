package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// The exit statuses of all programs.
const (
	StatusDone        = 0
	StatusFailed      = 1 // or the answer is no
	StatusUsage       = 2
	StatusData        = 3
	StatusNoRouter    = 4
	StatusAgain       = 5
	StatusInterrupted = 130
)

// Failure is an error that knows the exit status that it means. Err may be nil: then
// everything was said already.
type Failure struct {
	Status int
	Err    error
	Hint   string // a way out, shown on a line of its own
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return ""
	}
	return f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Usagef is an error in what was asked: status 2.
func Usagef(format string, args ...any) error { return failf(StatusUsage, format, args) }

// Dataf is an error in the input's bytes: status 3.
func Dataf(format string, args ...any) error { return failf(StatusData, format, args) }

// BadData is an error in the bytes of the input of that name, which may be in it already:
// status 3. One of reading or writing itself stays what it is.
func BadData(name string, err error) error {
	var file *fs.PathError
	var link *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &file), errors.As(err, &link), errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return err
	case name == "":
		return Dataf("%w", err)
	}
	return Dataf("%s: %w", name, err)
}

// Againf is a failure that may pass by itself: status 5.
func Againf(format string, args ...any) error { return failf(StatusAgain, format, args) }

// Silent ends the program with a status and without a word.
func Silent(status int) error { return &Failure{Status: status} }

func failf(status int, format string, args []any) error {
	return &Failure{Status: status, Err: fmt.Errorf(format, args...)}
}

// WithHint adds a way out to an error, and keeps its status.
func WithHint(err error, format string, args ...any) error {
	return &Failure{Status: StatusOf(err), Err: err, Hint: fmt.Sprintf(format, args...)}
}

// StatusOf finds the exit status that an error means.
func StatusOf(err error) int {
	var failure *Failure
	var refused *control.Error
	switch {
	case err == nil:
		return StatusDone
	case errors.As(err, &failure):
		return failure.Status
	case errors.Is(err, client.ErrNoRouter), errors.Is(err, client.ErrForbidden):
		return StatusNoRouter
	case errors.As(err, &refused):
		return statusOfCode(refused.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return StatusAgain
	}
	return StatusFailed
}

func statusOfCode(code control.Code) int {
	switch code {
	case control.BadRequest:
		return StatusUsage
	case control.BadData:
		return StatusData
	case control.Timeout, control.NoTunnels, control.Unreachable, control.Busy:
		return StatusAgain
	case control.Stopping:
		return StatusNoRouter
	}
	return StatusFailed
}

// report says on w what went wrong, and returns the exit status. A program that was
// interrupted says nothing.
func report(w io.Writer, name string, ctx context.Context, err error) int {
	if err == nil {
		return StatusDone
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return StatusInterrupted
	}
	say(w, name, err)
	return StatusOf(err)
}

// say prints an error, and the way out if there is one.
func say(w io.Writer, name string, err error) {
	status := StatusOf(err)
	if text := Text(err); text != "" {
		fmt.Fprintf(w, "%s: %s\n", name, text)
	}
	hint := ""
	switch {
	case errors.Is(err, client.ErrForbidden):
		hint = "run this as the user whose router it is, or name your own router's socket with --socket or I2P_SOCKET"
	case status == StatusNoRouter:
		hint = "start one with i2p-router, or name its socket with --socket or I2P_SOCKET"
	}
	var failure *Failure
	if errors.As(err, &failure) && failure.Hint != "" {
		hint = failure.Hint
	}
	if hint != "" {
		fmt.Fprintf(w, "%s: hint: %s\n", name, Clean(hint))
	}
}

// Failures are what went wrong with some of several inputs, while the others were used.
type Failures struct{ worst int }

// Note says what is wrong with an input, if anything is. What concerns all inputs, an
// interruption or a missing router, is returned.
func (f *Failures) Note(c *Context, err error) error {
	if err == nil {
		return nil
	}
	status := StatusOf(err)
	if c.Context.Err() != nil || status == StatusNoRouter || status == StatusUsage {
		return err
	}
	say(os.Stderr, c.App.Name, err)
	f.worst = max(f.worst, status)
	return nil
}

// Err is the failure as a whole: the status is that of the worst.
func (f *Failures) Err() error {
	if f.worst == StatusDone {
		return nil
	}
	return Silent(f.worst)
}
