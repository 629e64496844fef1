package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
)

// dial opens a stream to what a tool names: a destination, or a service of one.
func (s *Server) dial(ctx context.Context, by Destination, req control.Connect) (Stream, error) {
	if service, name, found := leaseset.CutService(req.Destination); found {
		return s.dialService(ctx, by, service, name, req.Port)
	}
	to, err := s.resolve(ctx, by, req.Destination)
	if err != nil {
		return nil, err
	}
	return by.Dial(ctx, to, req.Port)
}

// dialService opens a stream to one who offers a service, at the port that its record says. Those that come
// first in order are tried first.
func (s *Server) dialService(ctx context.Context, by Destination, service, text string, port uint16) (Stream, error) {
	name, err := i2p.ParseName(text)
	switch {
	case err != nil:
		return nil, control.Errorf(control.BadData, "%v", err)
	case port != 0 || name.Port != 0:
		return nil, control.Errorf(control.BadRequest, "the record of a service says at which port it is")
	case strings.HasSuffix(service, "._udp"):
		return nil, control.Errorf(control.BadRequest, "%s is a service of datagrams, and this is a stream", service)
	}
	look := func(ctx context.Context, name i2p.Name) (i2p.Destination, i2p.Mapping, error) {
		to, err := s.names.Resolve(ctx, by, name)
		if err != nil {
			return to, nil, err
		}
		set, err := by.LeaseSet(ctx, to.Hash())
		if err != nil {
			return to, nil, err
		}
		return to, set.Options(), nil
	}
	of, records, err := naming.Services(ctx, look, service, name)
	if err != nil {
		return nil, nameCodes.Explain(err)
	}
	var errs []error
	for _, r := range leaseset.OrderServices(records, draw.From(nil).Below) {
		to, err := naming.Offerer(ctx, look, service, of, r)
		if err == nil {
			var stream Stream
			if stream, err = by.Dial(ctx, to, r.Port); err == nil {
				return stream, nil
			}
			err = fmt.Errorf("%s at %s, port %d: %w", service, to.B32(), r.Port, err)
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, joined(errs)
}

// joined is what is left of several failures, in one line: of the kind of the first.
func joined(errs []error) error {
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	code := control.NotFound
	for _, err := range errs {
		if !errors.Is(err, naming.ErrNoService) {
			code = asError(err).Code
			break
		}
	}
	return control.Errorf(code, "%s", strings.Join(texts, "; "))
}
