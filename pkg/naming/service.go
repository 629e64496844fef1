package naming

import (
	"context"
	"errors"
	"fmt"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// ErrNoService means that a destination does not say that it, or another, offers a service.
var ErrNoService = errors.New("no such service")

// OptionsOf finds the destination behind a name, and what its lease set's options are.
type OptionsOf func(ctx context.Context, name i2p.Name) (i2p.Destination, i2p.Mapping, error)

// Services finds what a destination says of a service (proposal 167), such as _smtp._tcp, by the name of the
// destination.
func Services(ctx context.Context, look OptionsOf, service string, name i2p.Name) (of i2p.Destination, records []leaseset.Service, err error) {
	if err := leaseset.CheckServiceName(service); err != nil {
		return of, nil, err
	}
	of, options, err := look(ctx, name)
	if err != nil {
		return of, nil, err
	}
	value, ok := options.Lookup(service)
	if !ok {
		return of, nil, fmt.Errorf("%w: the lease set of %s has no record of %s", ErrNoService, of.B32(), service)
	}
	if records, err = leaseset.ParseServices(value); err != nil {
		return of, nil, fmt.Errorf("%w: the lease set of %s has a record of %s that says nothing: %w", ErrNoService, of.B32(), service, err)
	}
	return of, records, nil
}

// Offerer is the destination of a record that one has. Another than that one has to say by itself that it offers
// the service: else anybody could send those who ask to whom he likes (proposal 167, Security Analysis).
func Offerer(ctx context.Context, look OptionsOf, service string, of i2p.Destination, record leaseset.Service) (i2p.Destination, error) {
	if record.Self {
		return of, nil
	}
	name, err := i2p.ParseName(record.Target)
	if err != nil {
		return i2p.Destination{}, err
	}
	to, options, err := look(ctx, name)
	if err != nil {
		return to, fmt.Errorf("%s, which is said to offer %s: %w", record.Target, service, err)
	}
	theirs, err := leaseset.ParseServices(options.Get(service))
	if err != nil || !theirs[0].Self {
		return to, fmt.Errorf("%w: %s does not say by itself that it offers %s", ErrNoService, record.Target, service)
	}
	return to, nil
}
