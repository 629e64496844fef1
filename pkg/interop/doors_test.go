//go:build linux

package interop

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/socks"
	"i2ptoolkit/pkg/udpforward"
)

// doors is what a router with doors is told, as JSON in its environment.
type doors struct {
	Dir, Bootstrap, Keys string // Keys is the key file of the server
	Addr                 string
	PeerKeys             string // the key file of i2pd's server tunnel
	Protocol             byte   // of the client
}

// Ports on 127.0.0.1.
const (
	peerTarget   = 17700 // what i2pd's server tunnel leads to
	peerClient   = 17701 // i2pd's client tunnels, by Datagram1 and Datagram3
	peerClient3  = 17702
	doorTarget   = 17703 // what our server leads to
	doorClient   = 17704
	doorSOCKS    = 17705
	serverInside = 7 // of our server, in I2P: it takes all
)

// runDoors is a router of ours in one process with its doors, until it is killed.
func runDoors(settings string) error {
	var d doors
	if err := json.Unmarshal([]byte(settings), &d); err != nil {
		return err
	}
	s, err := config.Parse(fmt.Appendf(nil, "data_dir = %q\nsocket = %q\nnetid = %d\ntestnet = true\nhost = [%q]\nport = %d\nbootstrap = [%q]\n[exploratory]\nin_length = 1\nout_length = 1\n",
		d.Dir, filepath.Join(d.Dir, "router.sock"), NetID, d.Addr, portTransport, d.Bootstrap))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n, err := node.New(node.Config{Settings: s, Log: log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 4)
	go func() { ended <- n.Run(ctx) }()
	if err := n.Wait(ctx, "tunnels"); err != nil {
		return err
	}
	if err := openDoors(ctx, n, d, log, ended); err != nil {
		return err
	}
	return <-ended
}

// openDoors opens a destination with a server for datagrams, and another for a client and SOCKS.
func openDoors(ctx context.Context, n *node.Node, d doors, log *slog.Logger, ended chan<- error) error {
	shape, problems := options.Parse(options.Default(), map[string]string{"inbound.length": "1", "outbound.length": "1"})
	if len(problems) > 0 {
		return fmt.Errorf("%v", problems)
	}
	keys, err := readKeys(d.Keys)
	if err != nil {
		return err
	}
	there, err := n.Hall.Destinations.Open(ctx, destinations.Request{Keys: keys, Options: shape})
	if err != nil {
		return err
	}
	here, err := n.Hall.Destinations.Open(ctx, destinations.Request{Options: shape})
	if err != nil {
		return err
	}
	server := udpforward.NewServer(udpforward.ServerConfig{
		Log:    log,
		Listen: func() (udpforward.Datagrams, error) { return there.ListenDatagrams(0) },
		Dial:   func(i2p.Hash) (net.Conn, error) { return net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", doorTarget)) },
	})
	client := udpforward.NewClient(udpforward.ClientConfig{
		Log: log, Port: peerTarget, Protocol: d.Protocol,
		Listen: func() (udpforward.Datagrams, error) { return here.ListenFree() },
		Resolve: func(context.Context) (i2p.Destination, error) {
			peer, err := readKeys(d.PeerKeys)
			if err != nil {
				return i2p.Destination{}, err
			}
			return peer.Destination(), nil
		},
	})
	proxy := socks.New(socks.Config{
		Log: log,
		Dial: func(ctx context.Context, host string, port uint16) (net.Conn, error) {
			to, err := n.Resolve(ctx, here, host)
			if err != nil {
				return nil, err
			}
			return here.Dial(ctx, to, port)
		},
		Resolve: func(ctx context.Context, host string) (i2p.Destination, error) { return n.Resolve(ctx, here, host) },
		Listen:  func() (socks.Datagrams, error) { return here.ListenFree() },
	})
	near, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: doorClient})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", doorSOCKS))
	if err != nil {
		return err
	}
	go func() { ended <- server.Serve(ctx) }()
	go func() { ended <- client.Serve(ctx, near) }()
	go func() { ended <- proxy.Serve(ctx, l) }()
	return there.Ready(ctx)
}

func readKeys(file string) (*i2p.PrivateKeys, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keys, _, err := i2p.ParsePrivateKeys(b)
	return keys, err
}

// startDoors starts the router with doors.
func startDoors(t *testing.T, n *Network, d doors) {
	t.Helper()
	place, err := n.place()
	if err != nil {
		t.Fatal(err)
	}
	d.Dir, d.Addr = filepath.Join(n.Dir, "doors"), place.addr.String()
	d.PeerKeys = filepath.Join(n.I2PD[0].dir, "udp.dat")
	if d.Bootstrap, err = n.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(n.Dir, "doors.log")
	p, _, err := place.ns.Start(Command{Name: "doors", Path: os.Args[0], Log: log, Env: []string{"I2P_INTEROP_DOORS=" + string(settings)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b, err := os.ReadFile(log); err == nil && t.Failed() {
			t.Logf("%s", b[max(0, len(b)-4000):])
		}
		p.Kill()
	})
}

// echoDatagrams answers datagrams inside the network.
func echoDatagrams(t *testing.T, n *Network, port int) {
	t.Helper()
	c, err := n.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 1<<16)
		for {
			k, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(b[:k], from)
		}
	}()
}

// volley sends datagrams to a local port, one after the other, and counts those that come back. The
// hops of i2pd's hold a message back at times until the next one comes: a few more push the last ones.
func volley(t *testing.T, n *Network, port, count, size int) (back int) {
	t.Helper()
	c, err := n.DialContext(t.Context(), "udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(3*time.Second + time.Duration(count)*volleyPace))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range count + pushes {
			payload := make([]byte, size)
			binary.BigEndian.PutUint32(payload, uint32(i))
			c.Write(payload)
			time.Sleep(volleyPace)
		}
	}()
	seen := make(map[uint32]bool)
	for b := make([]byte, 1<<16); len(seen) < count; {
		k, err := c.Read(b)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			time.Sleep(volleyPace) // nobody listens yet
			continue
		}
		if i := binary.BigEndian.Uint32(b); k == size && i < uint32(count) {
			seen[i] = true
		}
	}
	<-sent
	return len(seen)
}

const (
	volleyPace = 5 * time.Millisecond
	pushes     = 20
)

// TestDoors: datagrams through our client to i2pd's server tunnel and through i2pd's client tunnels
// to our server, and curl through our SOCKS proxy to i2pd's web tunnel.
func TestDoors(t *testing.T) {
	ctx := gate(t, 5*time.Minute)
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "server.dat")
	if err := os.WriteFile(file, keys.AppendTo(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	const hops = "inbound.length = 1\noutbound.length = 1\ninbound.quantity = 2\noutbound.quantity = 2\n"
	tunnels := fmt.Sprintf("[udpserver]\ntype = udpserver\nhost = 127.0.0.1\nport = %d\nkeys = udp.dat\n"+hops, peerTarget)
	for i, port := range []int{peerClient, peerClient3} {
		tunnels += fmt.Sprintf("[udpclient%d]\ntype = udpclient\naddress = 127.0.0.1\nport = %d\ndestination = %s\ndestinationport = %d\nkeys = udpclient%d.dat\ndatagramversion = %d\n"+hops,
			i, port, keys.Destination().B32(), serverInside, i, []int{1, 3}[i])
	}
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid}, Hops: 1, WebPort: webPort, Tunnels: tunnels})
	page := servePage(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
		t.Fatal(err)
	}
	echoDatagrams(t, n, peerTarget)
	echoDatagrams(t, n, doorTarget)
	startDoors(t, n, doors{Keys: file})

	for _, way := range []struct {
		name  string
		port  int
		share float64 // of the datagrams that must come back
	}{
		{"ours to i2pd's", doorClient, 0.8},
		{"i2pd's to ours", peerClient, 0.8},
		// This one sends nothing while what it counts is not acknowledged, and some of that gets lost.
		{"i2pd's to ours by Datagram3", peerClient3, 0.5},
	} {
		name, port := way.name, way.port
		if err := Await(ctx, time.Minute, name, func(context.Context) error {
			if volley(t, n, port, 1, 10) == 0 {
				return errors.New("nothing comes back")
			}
			return nil
		}); err != nil {
			t.Error(err)
			continue
		}
		for _, v := range []struct{ count, size int }{{300, 1000}, {50, 8000}} {
			back := volley(t, n, port, v.count, v.size)
			t.Logf("%s: of %d datagrams of %d bytes %d came back", name, v.count, v.size, back)
			if float64(back) < way.share*float64(v.count) {
				t.Errorf("%s: %d of %d came back", name, back, v.count)
			}
		}
	}
	host, err := n.I2PD[0].WebB32()
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, ctx, n, host, page)
	if curl, err := exec.LookPath("curl"); err == nil {
		for _, by := range []string{"--socks5-hostname", "--socks4a"} {
			out := filepath.Join(t.TempDir(), "page")
			if err := n.Namespace.Run("", curl, "-sS", "--fail", "--max-time", "60", by, fmt.Sprintf("127.0.0.1:%d", doorSOCKS), "-o", out, "http://"+host+"/"); err != nil {
				t.Errorf("%s: %v", by, err)
			} else if b, err := os.ReadFile(out); err != nil || string(b) != page {
				t.Errorf("%s: %d bytes: %v", by, len(b), err)
			}
		}
	}
}

// fetch gets a page through our SOCKS proxy.
func fetch(t *testing.T, ctx context.Context, n *Network, host, page string) {
	t.Helper()
	proxy := &url.URL{Scheme: "socks5h", Host: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), doorSOCKS).String()}
	c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DialContext: n.DialContext}, Timeout: time.Minute}
	defer c.CloseIdleConnections()
	err := Await(ctx, time.Minute, "a page through SOCKS", func(ctx context.Context) error {
		r, err := c.Get("http://" + host + "/")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		var b strings.Builder
		if _, err := io.Copy(&b, r.Body); err != nil || b.String() != page {
			return fmt.Errorf("%d bytes: %w", b.Len(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
