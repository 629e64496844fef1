package door

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"i2ptoolkit/pkg/forward/plan"
)

// Settings are what the owner of the router asks of one door.
type Settings struct {
	Enabled bool
	Listen  []string // ADDRESS:PORT or unix:PATH
	TLS     bool     // of the addresses; a Unix socket needs none
	// Certificate and Key are files in PEM. Without them the door makes a certificate, and keeps it.
	Certificate, Key string
	Auth             bool     // every connection says a user's name and password
	Users            []string // each as NAME:HASH (Hash); those whom the door was told of by Users.Add come beside them
	Connections      int      // at once; 0 is the default
	PerAddress       int      // of one address of another machine at once; 0 is the default
}

const (
	defaultConnections = 4096
	defaultPerAddress  = 256
)

// limits are those that hold.
func (s Settings) limits() (all, each int) {
	return cmp.Or(s.Connections, defaultConnections), cmp.Or(s.PerAddress, defaultPerAddress)
}

// Check tells whether a door may be open so: to other machines only with TLS and with users who say their password.
func (s Settings) Check() error {
	for _, u := range s.Users {
		if _, _, err := parseUser(u); err != nil {
			return err
		}
	}
	if s.Enabled && len(s.Listen) == 0 {
		return fmt.Errorf("it is to be open, and nothing says where")
	}
	if (s.Certificate == "") != (s.Key == "") {
		return fmt.Errorf("a certificate needs its key, and the other way round")
	}
	for _, at := range s.Listen {
		local, err := Private(at)
		switch {
		case err != nil:
			return err
		case local:
		case !s.TLS:
			return fmt.Errorf("%s is open to other machines: without TLS everybody on the way reads what applications say", at)
		case !s.Auth || len(s.Users) == 0:
			return fmt.Errorf("%s is open to other machines: without users and their passwords everybody could use it", at)
		}
	}
	return nil
}

// Private tells of an address whether this machine alone reaches it.
func Private(at string) (bool, error) {
	network, address, err := plan.Local(at)
	if err != nil {
		return false, err
	}
	if network == "unix" || strings.HasPrefix(address, "localhost:") {
		return true, nil
	}
	a, err := netip.ParseAddrPort(address)
	return a.Addr().Unmap().IsLoopback(), err
}

// sameTLS tells whether what listens can stay as it is.
func (s Settings) sameTLS(o Settings) bool {
	return s.TLS == o.TLS && s.Certificate == o.Certificate && s.Key == o.Key
}

func (s Settings) clone() Settings {
	s.Listen, s.Users = slices.Clone(s.Listen), slices.Clone(s.Users)
	return s
}
