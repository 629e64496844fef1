package node

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/reseed/join"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

// reseedPolicies make of settings how a router finds others.
type reseedPolicies struct {
	log  *slog.Logger
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil is the Internet
}

// of reads the certificates that the settings name.
func (p reseedPolicies) of(s config.Config) (join.Policy, error) {
	client, err := reseedClient(s)
	if err != nil {
		return join.Policy{}, err
	}
	for _, bad := range client.Trust.Bad() {
		p.log.Warn("certificate left out", "error", bad)
	}
	client.Dial = p.dial
	return join.Policy{
		Client: client, Servers: reseedServers(s), Sources: s.Reseed.Sources,
		Auto: s.Reseeds() && s.Reseed.Threshold > 0, Threshold: s.Reseed.Threshold,
	}, nil
}

// Check tells what is wrong with files that settings name: a router is not to start with them.
func Check(s config.Config) error {
	if _, err := reseedClient(s); err != nil {
		return err
	}
	return checkNamed(config.Config{}, s)
}

// checkNamed tells whether there are the files that give first routers and were not named before.
func checkNamed(from, to config.Config) error {
	for _, named := range []struct {
		key      string
		from, to []string
	}{
		{"bootstrap", from.Bootstrap, to.Bootstrap},
		{"reseed.sources", from.Reseed.Sources, to.Reseed.Sources},
	} {
		for _, path := range named.to {
			if slices.Contains(named.from, path) {
				continue
			}
			if _, err := os.Stat(path); err != nil {
				return fmt.Errorf("%s: %w", named.key, err)
			}
		}
	}
	return nil
}

// newJoiner reads the certificates that the settings name.
func (n *Node) newJoiner(env env.Env, policies reseedPolicies) error {
	policy, err := policies.of(n.settings.Current())
	if err != nil {
		return err
	}
	n.joiner = join.New(join.Config{
		Env: env, Policy: policy,
		Known: func() int { return n.router.Numbers().DB.Routers },
		Learn: func(ri *routerinfo.RouterInfo) { n.Learn([]*routerinfo.RouterInfo{ri}) },
		Event: func(detail string) {
			n.events.Publish(control.Event{Event: "reseed", Detail: detail})
		},
	})
	return nil
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
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(words.Unmarked(text)) {
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
