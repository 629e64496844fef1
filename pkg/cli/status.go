package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	case errors.Is(err, client.ErrNoRouter):
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
	status := StatusOf(err)
	if text := err.Error(); text != "" {
		if errors.Is(err, context.DeadlineExceeded) && text == context.DeadlineExceeded.Error() {
			text = "timed out"
		}
		fmt.Fprintf(w, "%s: %s\n", name, text)
	}
	hint := ""
	if status == StatusNoRouter {
		hint = "start one with i2p-router, or name its socket with --socket or I2P_SOCKET"
	}
	var failure *Failure
	if errors.As(err, &failure) && failure.Hint != "" {
		hint = failure.Hint
	}
	if hint != "" {
		fmt.Fprintf(w, "%s: hint: %s\n", name, hint)
	}
	return status
}
