//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// EmissaryConfig describes a private network of emissary routers, which speak SSU2 and
// nothing else. None of them is a floodfill: they answer no lookups that want an encrypted answer.
type EmissaryConfig struct {
	Routers int
	Hybrid  string // option pq of their addresses: 3, 4, or both with a comma; empty: they speak no hybrids
	Log     string // as emissary-cli --log has it; default emissary=error
}

// Emissary is a router of the emissary project.
type Emissary struct {
	*Process
	Name string
	Addr netip.Addr

	ns   *Namespace
	dir  string
	log  string
	info []byte // the router.info of its first start
}

var emissaryConf = template.Must(template.New("router.toml").Parse(`allow_local = true
insecure_tunnels = true
net_id = {{.NetID}}
[exploratory]
inbound_len = 1
inbound_count = 2
outbound_len = 1
outbound_count = 2
[reseed]
hosts = []
reseed_threshold = 0
[sam]
tcp_port = {{.SAMPort}}
udp_port = {{.SAMPort}}
host = "127.0.0.1"
[ssu2]
port = {{.Port}}
ipv4 = true
ipv4_host = "{{.Addr}}"
ipv6 = false
publish = true
{{with .Hybrid}}ml_kem = "{{.}}"
{{else}}disable_pq = true
{{end}}[transit]
max_tunnels = 1000
`))

// NewEmissaryNetwork makes a network whose routers have addresses of their own on a
// bridge. The emissary ones have their identities, and are not started.
func NewEmissaryNetwork(ctx context.Context, cfg EmissaryConfig) (n *Network, err error) {
	g, err := newBridge()
	if err != nil {
		return nil, err
	}
	if n, err = newNetwork(g); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for i := range cfg.Routers {
		r, err := n.newEmissary(fmt.Sprintf("emissary%d", i), cfg)
		if err != nil {
			return n, err
		}
		n.Emissary = append(n.Emissary, r)
	}
	return n, makeIdentities(ctx, n.Emissary)
}

// StartEmissary starts the emissary routers. Each of them knows those started before it, and
// ours.
func (n *Network) StartEmissary() error {
	n.T0 = time.Now()
	for _, r := range n.Emissary {
		for _, other := range n.all() {
			if !other.process().Running() {
				continue
			}
			info, err := other.RouterInfo()
			if err == nil {
				err = learn(filepath.Join(r.dir, "netDb"), info)
			}
			if err != nil {
				return err
			}
		}
		if err := r.start(); err != nil {
			return err
		}
	}
	return nil
}

// newEmissary makes a router's namespace and configuration; it is not started.
func (n *Network) newEmissary(name string, cfg EmissaryConfig) (*Emissary, error) {
	place, err := n.place()
	if err != nil {
		return nil, err
	}
	// It looks for the interface of the default route, and does not start without one.
	if err := place.ns.Run("", "ip", "route", "add", "default", "dev", "eth0"); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	r := &Emissary{Name: name, Addr: place.addr, ns: place.ns, dir: filepath.Join(n.Dir, name), log: cfg.Log}
	if r.log == "" {
		r.log = "emissary=error"
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	var b bytes.Buffer
	if err := emissaryConf.Execute(&b, struct {
		NetID, Port, SAMPort int
		Addr                 netip.Addr
		Hybrid               string
	}{NetID, portTransport, portSAM, place.addr, cfg.Hybrid}); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "router.toml"), b.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	return r, nil
}

func (r *Emissary) start() error {
	dir, err := peersDir()
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "emissary", "bin", "emissary-cli")
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("interop: %w (run scripts/emissary)", err)
	}
	r.Process, _, err = r.ns.Start(Command{
		Name: r.Name, Path: binary, Args: []string{"--base-path", r.dir, "--log", r.log}, Log: filepath.Join(r.dir, "log"),
	})
	return err
}

// makeIdentity lets the router run until it has written its router.info, and kills it:
// nothing else of that run is wanted.
func (r *Emissary) makeIdentity(ctx context.Context) error {
	if err := r.start(); err != nil {
		return err
	}
	defer r.Kill()
	var last []byte
	return Await(ctx, time.Minute, r.Name+" writes its router.info", func(context.Context) error {
		b, err := r.RouterInfo()
		if err != nil {
			return err
		}
		settled := bytes.Equal(b, last)
		last = b
		if !settled || !bytes.Contains(b, []byte(r.Addr.String())) {
			return errors.New("it is not complete")
		}
		r.info = b
		return nil
	})
}

// RouterInfo reads the router's own router.info; while it is being written, it
// is that of before.
func (r *Emissary) RouterInfo() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "router.info"))
	if err == nil && r.info != nil {
		if _, short := identSum(b); short != nil {
			return r.info, nil
		}
	}
	return b, err
}

// Hash is the router's hash in I2P base64.
func (r *Emissary) Hash() (string, error) {
	b, err := r.RouterInfo()
	if err != nil {
		return "", err
	}
	return identHash(b)
}

// SAMSession opens a session at the router's bridge.
func (r *Emissary) SAMSession(ctx context.Context, options map[string]string) (*SAMSession, error) {
	return samSession(ctx, r.ns, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), portSAM).String(), options)
}
