//go:build linux

package interop

import (
	"fmt"

	"i2ptoolkit/pkg/interop/netns"
)

// Namespace is a network namespace in which programs are started.
type Namespace struct{ *netns.Namespace }

// NewNamespace makes a namespace that has only a loopback interface.
func NewNamespace() (*Namespace, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	return &Namespace{ns}, nil
}
