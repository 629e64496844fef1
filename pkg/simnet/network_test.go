package simnet

import "i2ptoolkit/pkg/transport"

var _ transport.Network = (*Host)(nil)
