package node

import (
	"crypto/x509"
	"fmt"
	"os"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/routerinfo"
)

// newReseeder reads the certificates that the settings name.
func (n *Node) newReseeder() (*reseeder, error) {
	s := n.cfg.Settings
	client, err := reseedClient(s)
	if err != nil {
		return nil, err
	}
	client.Dial, client.Now = n.cfg.Dial, n.cfg.Now
	r := &reseeder{
		client: client, servers: reseedServers(s), sources: s.Reseed.Sources,
		auto: s.Reseeds() && s.Reseed.Threshold > 0, threshold: s.Reseed.Threshold, log: n.log,
		known: func() int { return n.router.Counts().DB.Routers },
		learn: func(ri *routerinfo.RouterInfo) {
			if ri.Hash() != n.hash {
				n.router.LearnRouter(ri, netdb.FromReseed)
			}
		},
		event: func(detail string) {
			n.events.publish(control.Event{Event: "reseed", Detail: detail}, n.cfg.Now())
		},
		turn:  make(chan struct{}, 1),
		state: control.Reseed{State: control.ReseedOff, Reason: "this router does not reseed by itself", Servers: []control.ReseedServer{}},
	}
	if r.auto {
		r.client.Rand = n.split()
		r.state.State, r.state.Reason = control.ReseedWaiting, "the netDb is being read"
	}
	return r, nil
}

func reseedClient(s config.Config) (c fetch.Config, err error) {
	c = fetch.Config{NetID: s.NetID, Proxy: s.Reseed.Proxy, Trust: reseed.TrustKnown()}
	if len(s.Reseed.Certs) > 0 {
		c.Trust = new(reseed.Trust)
	}
	for _, path := range s.Reseed.Certs {
		if err := trustSigners(c.Trust, path); err != nil {
			return c, fmt.Errorf("reseed.certs: %w", err)
		}
	}
	if s.Reseed.Roots != "" {
		text, err := readLimited(s.Reseed.Roots, maxCertificates)
		if err != nil {
			return c, fmt.Errorf("reseed.roots: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return c, fmt.Errorf("reseed.roots: %s: no certificate in PEM", s.Reseed.Roots)
		}
	}
	if s.Reseed.Proxy != "" {
		if _, err := fetch.ParseProxy(s.Reseed.Proxy); err != nil {
			return c, fmt.Errorf("reseed.proxy: %w", err)
		}
	}
	c.Pins = make(map[string][32]byte)
	for _, text := range s.Reseed.Pins {
		host, sum, err := fetch.ParsePin(text)
		if err != nil {
			return c, fmt.Errorf("reseed.pins: %w", err)
		}
		c.Pins[host] = sum
	}
	return c, nil
}

const maxCertificates = 4 << 20 // bytes of a file

// trustSigners adds the certificates of a file or a directory.
func trustSigners(t *reseed.Trust, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return t.AddDir(path)
	}
	text, err := readLimited(path, maxCertificates)
	if err != nil {
		return err
	}
	if err := t.Add(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// reseedServers are whom to ask: where nobody is named, the known servers, by routers of the
// public network alone.
func reseedServers(s config.Config) []string {
	if len(s.Reseed.URLs)+len(s.Reseed.Sources) > 0 || !s.Public() {
		return s.Reseed.URLs
	}
	return reseed.Servers()
}
