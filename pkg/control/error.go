package control

import (
	"errors"
	"fmt"
)

// Code names why a request failed, for programs.
type Code string

// The codes. The tools turn them into exit statuses.
const (
	BadRequest  Code = "bad_request" // what was asked makes no sense: a wrong name, option or level
	BadData     Code = "bad_data"    // a key or destination that does not parse
	NotFound    Code = "not_found"   // the network answered: there is no such thing
	Refused     Code = "refused"     // the peer answered: no
	Reset       Code = "reset"       // the peer broke the stream off
	Timeout     Code = "timeout"
	NoTunnels   Code = "no_tunnels"
	Unreachable Code = "unreachable"
	Busy        Code = "busy"        // a limit of the router is reached
	Unsupported Code = "unsupported" // the peer speaks nothing that the router does
	Locked      Code = "locked"      // an encrypted lease set does not open: the address, the secret or the key is another
	InUse       Code = "in_use"      // somebody else has it
	Stopping    Code = "stopping"
	Internal    Code = "internal"
)

// Error is a failure that a router tells its tool. A Node returns it where it knows more
// than "internal".
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Is tells errors.Is that two Errors with the same code match.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Codes are the codes for what some part of a router returns.
type Codes []struct {
	Err  error
	Code Code
}

// Explain gives an error the code of the first that it is. One that is none of them, and nil,
// stay as they are.
func (cs Codes) Explain(err error) error {
	for _, c := range cs {
		if errors.Is(err, c.Err) {
			return Errorf(c.Code, "%v", err)
		}
	}
	return err
}
