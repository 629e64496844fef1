package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
)

// offer is one record of a service, and what is wrong with it.
type offer struct {
	record.Service
	Error string `json:"error,omitempty"`
}

// line is a record as tools for DNS print it, without what it is called.
func (o offer) line() string {
	text := fmt.Sprintf("%d %d %d %s %d", o.Priority, o.Weight, o.Port, o.Target, o.TTL)
	if o.App != "" {
		text += " " + cli.Clean(o.App)
	}
	return text
}

// services finds who offers a service, by what a destination says of it and what they say themselves.
func (f *finder) services(ctx context.Context, name, service, text string) (answer, error) {
	switch {
	case f.wantSet, f.wantHash, f.wantNames, f.wantTrace, f.pinger != nil:
		return answer{}, cli.Usagef("a service has records of its own: look %s up for more", cli.Clean(text))
	case f.router == nil:
		return answer{}, cli.Usagef("a service is asked of the network, and --offline nobody")
	case leaseset.CheckServiceName(service) != nil:
		return answer{}, cli.Dataf("%q is no service such as _smtp._tcp, with _tcp or _udp", service)
	}
	n, err := i2p.ParseName(text)
	if err != nil {
		return answer{}, cli.Dataf("%w", errors.Unwrap(err))
	}
	of, records, err := naming.Services(ctx, f.options, service, n)
	if err != nil {
		return answer{}, failure(err)
	}
	a := ofDestination(name, of)
	a.Kind = "service"
	var errs []string
	all := leaseset.OrderServices(records, func(int) int { return 0 })
	for i, shown := range record.OfServices(service, of.Hash(), all) {
		o := offer{Service: shown}
		if _, err := naming.Offerer(ctx, f.options, service, of, all[i]); err != nil {
			o.Error = cli.Text(err)
			errs = append(errs, o.Error)
		}
		a.Services = append(a.Services, o)
	}
	if len(errs) == len(all) {
		return answer{}, errors.New(strings.Join(errs, "; "))
	}
	return a, nil
}

// options finds the options of a lease set, by the name of its destination.
func (f *finder) options(ctx context.Context, n i2p.Name) (of i2p.Destination, options i2p.Mapping, err error) {
	if n, _, err = cli.OfHost(ctx, f.books, n); err != nil {
		return of, nil, err
	}
	if n.Kind == i2p.NameBlinded {
		return of, nil, errors.New("an encrypted lease set tells its options only to those whom it lets in: i2p-tunnel connect asks as one of them")
	}
	found, err := cli.LookUp(ctx, f.router, control.KindLeaseSet, n.Hash, f.timeout)
	if err != nil {
		return of, nil, err
	}
	set, err := leaseset.Parse(found.StoreType, found.Data)
	if err != nil {
		return of, nil, cli.Dataf("%w", err)
	}
	if err := set.Verify(time.Now()); err != nil {
		return of, nil, err
	}
	s, ok := set.(leaseset.Set)
	if !ok {
		return of, nil, fmt.Errorf("the lease set of %s names others that serve in its place, and no services", n.Hash.B32())
	}
	return s.Destination(), s.Options(), nil
}

// failure gives what the address books' package says the status of what a router says.
func failure(err error) error {
	if errors.Is(err, naming.ErrNoService) {
		return control.Errorf(control.NotFound, "%v", err)
	}
	return err
}

// offers prints the records of a service: on lines of their own for one name, on one line among several.
func (p *printer) offers(j *job) error {
	var lines []string
	for _, o := range j.found.Services {
		if o.Error != "" {
			cli.Warnf(p.c, "%s: %s", j.name, o.Error)
			continue
		}
		lines = append(lines, o.line())
	}
	if !p.single {
		return p.line(strings.Join(lines, ", "))
	}
	for _, l := range lines {
		if err := p.line(l); err != nil {
			return err
		}
	}
	return nil
}
