//go:build linux

package interop

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// Release names an i2pd tree that scripts/peers has installed.
type Release string

// The releases under test.
const (
	Trixie Release = "trixie" // i2pd 2.56
	Sid    Release = "sid"    // i2pd 2.59 or newer
)

// The ports of an i2pd router; each router has an address of its own.
const (
	portTransport = 17000
	portConsole   = 7070
	portSAM       = 7656
	portI2CP      = 7654
	portBOB       = 2827
	portControl   = 7650
)

// peersDir is where scripts/peers installs.
func peersDir() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "i2p-peers"), err
}

// command gives the program and first arguments that run this release: its
// tree's own loader with its tree's own libraries, no chroot.
func (r Release) command() (path string, args []string, err error) {
	dir, err := peersDir()
	if err != nil {
		return "", nil, err
	}
	tree := filepath.Join(dir, string(r))
	binary := filepath.Join(tree, "usr/bin/i2pd")
	if _, err := os.Stat(binary); err != nil {
		return "", nil, fmt.Errorf("interop: %w (run scripts/peers)", err)
	}
	loaders, err := filepath.Glob(filepath.Join(tree, "usr/lib/*/ld-linux-*.so.*"))
	if err != nil || len(loaders) == 0 {
		return "", nil, fmt.Errorf("interop: no loader in %s (remove it and run scripts/peers)", tree)
	}
	return loaders[0], []string{"--library-path", filepath.Dir(loaders[0]), binary}, nil
}

// I2PDConfig describes one i2pd router.
type I2PDConfig struct {
	Release   Release
	Addr      netip.Addr // its own, of its transports
	Also      string     // an address of IPv4 that it publishes beside one of IPv6; empty is none
	Doors     netip.Addr // of its console and SAM bridge; default Addr
	NetID     int
	Floodfill bool
	NoTransit bool
	SSU2      bool // besides NTCP2
	NoNTCP2   bool
	Finds     bool     // it is not told its address
	Hides     bool     // and takes itself for firewalled from the start
	Known     []router // where it joins others: of whom it knows; nil: all that run
	NTCP2     int      // its version: 3, 4 and 5 are hybrids with ML-KEM-512, 768 and 1024; 0 is what i2pd does by itself
	Hops      int      // length of exploratory tunnels
	WebPort   uint16   // a server tunnel of 2 hops to this local port; 0 is none
	WebHops   int
	ProxyPort uint16 // an HTTP proxy of WebHops hops at Doors; 0 is none
	ProxyKey  string // i2cp.leaseSetPrivKey of the proxy
	Tunnels   string // further sections of tunnels.conf
	Bridges   bool   // BOB and I2PControl are open
	I2CP      bool
	LogLevel  string // default warn
	Reseed    Reseed // where it gets its first routers; the zero value: nowhere
}

// Reseed says how an i2pd router with an empty netDb gets its first routers.
type Reseed struct {
	URLs         string // of servers, each ending in a slash, with commas between
	File         string // an su3
	ZipFile      string
	Certificates map[string][]byte // of signers, by file name; they are verified where there are any
}

// I2PD is an i2pd router.
type I2PD struct {
	I2PDConfig
	*Process
	Name     string
	Host     int           // on a wide-area network
	Answered time.Duration // from the start until the console answered

	ns  *Namespace
	dir string
}

var i2pdConf = template.Must(template.New("i2pd.conf").Parse(`netid = {{.NetID}}
{{if .Addr.Is4}}{{if not .Finds}}host = {{.Addr}}
address4 = {{.Addr}}
{{end}}ipv4 = true
ipv6 = false
{{else}}host = {{or .Also .Addr}}
address6 = {{.Addr}}
ipv4 = {{if .Also}}true{{else}}false{{end}}
ipv6 = true
{{end}}port = {{.Port}}
nat = {{.Finds}}
reservedrange = false
floodfill = {{.Floodfill}}
notransit = {{.NoTransit}}
bandwidth = X
share = 100
log = stdout
loglevel = {{.LogLevel}}
daemon = false
[ntcp2]
enabled = {{not .NoNTCP2}}
published = {{not .NoNTCP2}}
{{with .NTCP2}}version = {{.}}
{{end}}[ssu2]
enabled = {{.SSU2}}
published = {{.SSU2}}
{{if .Hides}}firewalled4 = true
{{end}}[reseed]
threshold = {{if .Bootstraps}}25{{else}}0{{end}}
urls = {{.Reseed.URLs}}
yggurls =
verify = {{if .Reseed.Certificates}}true{{else}}false{{end}}
{{with .Reseed.File}}file = {{.}}
{{end}}{{with .Reseed.ZipFile}}zipfile = {{.}}
{{end}}[nettime]
enabled = false
[upnp]
enabled = false
[addressbook]
enabled = true
defaulturl =
subscriptions =
[precomputation]
elgamal = false
[persist]
profiles = false
addressbook = false
[limits]
transittunnels = 5000
[exploratory]
inbound.length = {{.Hops}}
outbound.length = {{.Hops}}
inbound.quantity = 3
outbound.quantity = 3
[http]
enabled = true
address = {{.Doors}}
port = {{.ConsolePort}}
strictheaders = false
[httpproxy]
{{if .ProxyPort}}enabled = true
address = {{.Doors}}
port = {{.ProxyPort}}
keys = transient
outproxy =
inbound.length = {{.WebHops}}
outbound.length = {{.WebHops}}
inbound.quantity = 3
outbound.quantity = 3
{{with .ProxyKey}}i2cp.leaseSetPrivKey = {{.}}
{{end}}{{else}}enabled = false
{{end}}[socksproxy]
enabled = false
[sam]
enabled = true
address = {{.Doors}}
port = {{.SAMPort}}
[i2cp]
enabled = {{.I2CP}}
address = {{.Doors}}
port = {{.I2CPPort}}
[bob]
enabled = {{.Bridges}}
address = {{.Doors}}
port = {{.BOBPort}}
[i2pcontrol]
enabled = {{.Bridges}}
address = {{.Doors}}
port = {{.ControlPort}}
password = right
cert = control.crt
key = control.key
`))

var i2pdTunnels = template.Must(template.New("tunnels.conf").Parse(`{{if .WebPort}}[web]
type = http
host = 127.0.0.1
port = {{.WebPort}}
keys = web.dat
inbound.length = {{.WebHops}}
outbound.length = {{.WebHops}}
inbound.quantity = 3
outbound.quantity = 3
{{end}}{{.Tunnels}}`))

// newI2PD writes a router's configuration; it is not started.
func newI2PD(ns *Namespace, dir, name string, cfg I2PDConfig) (*I2PD, error) {
	cfg.LogLevel, cfg.Doors = cmp.Or(cfg.LogLevel, "warn"), cmp.Or(cfg.Doors, cfg.Addr)
	r := &I2PD{I2PDConfig: cfg, Name: name, ns: ns, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	values := struct {
		I2PDConfig
		Port, ConsolePort, SAMPort, I2CPPort, BOBPort, ControlPort int

		Bootstraps bool
	}{cfg, portTransport, portConsole, portSAM, portI2CP, portBOB, portControl, cfg.Reseed.URLs+cfg.Reseed.File+cfg.Reseed.ZipFile != ""}
	for _, t := range []*template.Template{i2pdConf, i2pdTunnels} {
		var b bytes.Buffer
		if err := t.Execute(&b, values); err != nil {
			return nil, fmt.Errorf("interop: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, t.Name()), b.Bytes(), 0o600); err != nil {
			return nil, fmt.Errorf("interop: %w", err)
		}
	}
	return r, r.trust(cfg.Reseed.Certificates)
}

// trust puts certificates where i2pd looks for those of reseed signers.
func (r *I2PD) trust(certificates map[string][]byte) error {
	dir := filepath.Join(r.dir, "certificates", "reseed")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	for name, pem := range certificates {
		if err := os.WriteFile(filepath.Join(dir, name), pem, 0o600); err != nil {
			return fmt.Errorf("interop: %w", err)
		}
	}
	return nil
}

// Start starts the router.
func (r *I2PD) Start() error {
	path, args, err := r.Release.command()
	if err != nil {
		return err
	}
	args = append(args, "--datadir="+r.dir, "--conf="+filepath.Join(r.dir, "i2pd.conf"),
		"--tunconf="+filepath.Join(r.dir, "tunnels.conf"))
	r.Process, _, err = r.ns.Start(Command{Name: r.Name, Path: path, Args: args, Log: filepath.Join(r.dir, "log")})
	return err
}

// makeIdentity lets the router run until it has written its keys and its
// signed router.info, and kills it: nothing else of that run is wanted.
func (r *I2PD) makeIdentity(ctx context.Context) error {
	if err := r.Start(); err != nil {
		return err
	}
	var last []byte
	defer func() {
		r.Kill()
		// What it was just writing may be cut short; of an empty file i2pd 2.56
		// makes an encryption key of zeros. Its router.info is as it was settled.
		os.WriteFile(filepath.Join(r.dir, "router.info"), last, 0o600)
		for _, name := range []string{"netDb", "destinations", "web.dat"} {
			os.RemoveAll(filepath.Join(r.dir, name))
		}
		os.Truncate(filepath.Join(r.dir, "log"), 0)
	}()
	return Await(ctx, 20*time.Second, r.Name+" writes its router.info", func(context.Context) error {
		b, err := r.RouterInfo()
		if err != nil {
			return err
		}
		if _, err := routerinfo.Parse(b); err != nil { // i2pd empties the file before it writes it anew
			return err
		}
		settled := bytes.Equal(b, last)
		last = b
		if !settled || !r.Finds && !bytes.Contains(b, []byte(r.Addr.String())) {
			return errors.New("it is not complete")
		}
		if _, err := os.Stat(filepath.Join(r.dir, "router.keys")); err != nil {
			return err
		}
		return nil
	})
}

// awaitConsole waits until the console answers, and notes how long that took.
func (r *I2PD) awaitConsole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if _, err := r.Counters(ctx); err == nil {
			r.Answered = time.Since(r.Started)
			return nil
		}
		select {
		case <-r.Exited():
			return fmt.Errorf("interop: %s has ended: %s", r.Name, r.LogTail(3))
		case <-ctx.Done():
			return fmt.Errorf("interop: %s: the console does not answer: %w", r.Name, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// RouterInfo reads the router's own router.info.
func (r *I2PD) RouterInfo() ([]byte, error) {
	return os.ReadFile(filepath.Join(r.dir, "router.info"))
}

// Learn puts another router's router.info into the router's netDb directory.
func (r *I2PD) Learn(info []byte) error {
	return learn(filepath.Join(r.dir, "netDb"), info)
}

// learn puts a router.info into a netDb directory, whose layout i2pd and Java
// share.
func learn(netDB string, info []byte) error {
	hash, err := identHash(info)
	if err != nil {
		return err
	}
	file := filepath.Join(netDB, netDBName(hash))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	return os.WriteFile(file, info, 0o600)
}

// Hash is the router's hash in I2P base64.
func (r *I2PD) Hash() (string, error) {
	b, err := r.RouterInfo()
	if err != nil {
		return "", err
	}
	return identHash(b)
}

// WebB32 is the address of the router's server tunnel, once i2pd has made its keys.
func (r *I2PD) WebB32() (string, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "web.dat"))
	if err != nil {
		return "", err
	}
	sum, err := identSum(b)
	if err != nil {
		return "", err
	}
	return strings.ToLower(i2pBase32.EncodeToString(sum[:])) + ".b32.i2p", nil
}

// SAM is the address of the router's SAM bridge.
func (r *I2PD) SAM() string { return netip.AddrPortFrom(r.Doors, portSAM).String() }

// identSum hashes the identity with which data begins: two keys of 384 bytes
// together and a certificate with its length (common structures, KeysAndCert).
// The harness parses this much by itself, so that it can judge our own parsers.
func identSum(data []byte) ([sha256.Size]byte, error) {
	if len(data) < 387 {
		return [sha256.Size]byte{}, fmt.Errorf("interop: an identity has at least 387 bytes, this %d", len(data))
	}
	n := 387 + int(binary.BigEndian.Uint16(data[385:]))
	if len(data) < n {
		return [sha256.Size]byte{}, fmt.Errorf("interop: an identity of %d bytes is cut to %d", n, len(data))
	}
	return sha256.Sum256(data[:n]), nil
}

func identHash(data []byte) (string, error) {
	sum, err := identSum(data)
	if err != nil {
		return "", err
	}
	return i2pBase64.EncodeToString(sum[:]), nil
}

// netDBName is where a router's router.info is kept.
func netDBName(hash string) string {
	return filepath.Join("r"+hash[:1], "routerInfo-"+hash+".dat")
}

var i2pBase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~")

var i2pBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)
