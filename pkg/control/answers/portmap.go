package answers

import (
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/portmap"
)

// portMapping tells what a gateway has been asked for.
func portMapping(s portmap.State) *control.PortMapping {
	out := &control.PortMapping{By: s.By, Ports: []control.MappedPort{}, Problem: s.Problem}
	for _, m := range s.Mappings {
		out.Ports = append(out.Ports, control.MappedPort{
			Protocol: string(m.Protocol), Internal: int(m.Internal), External: m.External.String(), Until: m.Until.UTC(),
		})
	}
	return out
}
