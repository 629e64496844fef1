package destinations

import (
	"context"
	"errors"
	"fmt"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// What can be wrong. An error of this package is one of these (errors.Is), or a
// fault, or the end of a context by its caller's own will. Doors have words of
// their own for each. A stream that is refused (ErrRefused) is one that the peer broke off.
var (
	ErrInUse       = errors.New("in use on this router already")
	ErrKeys        = errors.New("keys that this router cannot sign with")
	ErrStopped     = errors.New("the router is stopping")
	ErrClosed      = errors.New("the destination has ended")
	ErrNoTunnels   = errors.New("no tunnels in time")
	ErrTimeout     = errors.New("no answer in time")
	ErrNotFound    = errors.New("no such destination is known")
	ErrUnreachable = errors.New("nobody can be asked")
	ErrBusy        = errors.New("a limit is reached")
	ErrEncryption  = client.ErrEncryption
	ErrLeaseSet    = client.ErrLeaseSetKind
	ErrBlinding    = client.ErrBlinding
	ErrLocked      = client.ErrLocked
	ErrOtherKeys   = client.ErrOtherKeys
	ErrReset       = errors.New("the peer broke it off")
	ErrRefused     = streaming.ErrRefused
	ErrTaken       = errors.New("the port is taken already")
)

var errWaited = errors.New("destinations: waited long enough")

// failed is a cause, and what it is to those who call.
type failed struct{ kind, cause error }

func (f failed) Error() string { return f.cause.Error() }

func (f failed) Unwrap() []error { return []error{f.kind, f.cause} }

// noTunnels is ErrNoTunnels, with the reason where it is known.
func (h *Hall) noTunnels() error {
	if lack := h.lack(); lack != "" {
		return failed{ErrNoTunnels, fmt.Errorf("%w: %s", ErrNoTunnels, lack)}
	}
	return ErrNoTunnels
}

func (h *Hall) lack() string {
	if h.cfg.Lacks == nil {
		return ""
	}
	return h.cfg.Lacks()
}

// failure tells what an error is. d is whose it is; it may be nil.
func failure(d *Local, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		if d != nil && !d.client.Stands() {
			return d.hall.noTunnels()
		}
		return failed{ErrTimeout, fmt.Errorf("%w: %w", ErrTimeout, err)}
	}
	for _, is := range []struct{ cause, kind error }{
		{netdb.ErrNotFound, ErrNotFound},
		{netdb.ErrNobodys, ErrNotFound},
		{client.ErrTakenBack, ErrNotFound},
		{netdb.ErrNoAnswer, ErrTimeout},
		{streaming.ErrTimeout, ErrTimeout},
		{netdb.ErrNoFloodfills, ErrUnreachable},
		{netdb.ErrUnsent, ErrUnreachable},
		{netdb.ErrBusy, ErrBusy},
		{client.ErrBusy, ErrBusy},
		{streaming.ErrLimit, ErrBusy},
		{router.ErrStopped, ErrStopped},
		{client.ErrClosed, ErrClosed},
		{streaming.ErrMuxClosed, ErrClosed},
		{streaming.ErrReset, ErrReset},
		{sockets.ErrListening, ErrTaken},
		{client.ErrTaken, ErrTaken},
	} {
		if errors.Is(err, is.cause) {
			return failed{is.kind, err}
		}
	}
	return err
}
