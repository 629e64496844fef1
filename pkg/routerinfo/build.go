package routerinfo

import (
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

// BuildConfig is what a RouterInfo is made of.
type BuildConfig struct {
	Keys      *i2p.PrivateKeys
	Published i2p.Date
	Addresses []Address
	Options   map[string]string
}

// Build makes and signs a RouterInfo.
func Build(cfg BuildConfig) (*RouterInfo, error) {
	if len(cfg.Addresses) > MaxAddresses {
		return nil, fmt.Errorf("routerinfo: %d addresses, at most %d", len(cfg.Addresses), MaxAddresses)
	}
	options, err := i2p.NewMapping(cfg.Options)
	if err != nil {
		return nil, fmt.Errorf("routerinfo: options: %w", err)
	}
	b := cfg.Keys.Identity.AppendTo(nil)
	b = binary.BigEndian.AppendUint64(b, uint64(cfg.Published))
	b = append(b, byte(len(cfg.Addresses)))
	for _, a := range cfg.Addresses {
		if len(a.Style) > 255 {
			return nil, fmt.Errorf("routerinfo: transport style of %d bytes, at most 255", len(a.Style))
		}
		if err := a.Options.Check(); err != nil {
			return nil, fmt.Errorf("routerinfo: %s address: %w", a.Style, err)
		}
		b = a.AppendTo(b)
	}
	b = append(b, 0)
	b = options.AppendTo(b)
	sig, err := cfg.Keys.Sign(b)
	if err != nil {
		return nil, fmt.Errorf("routerinfo: %w", err)
	}
	return Parse(append(b, sig...))
}
