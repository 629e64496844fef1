package server

import (
	"context"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
)

// nameCodes are those of what the address books answer.
var nameCodes = control.Codes{
	{naming.ErrUnknown, control.NotFound},
	{naming.ErrNoBook, control.BadRequest},
	{naming.ErrConflict, control.InUse},
}

// resolve finds the destination that a tool names in any way.
func (s *Server) resolve(ctx context.Context, by naming.Resolver, text string) (i2p.Destination, error) {
	name, err := i2p.ParseName(text)
	if err != nil {
		return i2p.Destination{}, control.Errorf(control.BadData, "%v", err)
	}
	dest, err := s.names.Resolve(ctx, by, name)
	return dest, nameCodes.Explain(err)
}
