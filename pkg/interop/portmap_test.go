//go:build linux

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/netns"
)

// TestPortMapping: a router behind miniupnpd has its ports passed on by each of the three protocols,
// and gives them back when it is told to stop.
func TestPortMapping(t *testing.T) {
	gate(t, 2*time.Minute)
	for _, program := range []string{"miniupnpd", "nft", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not here")
		}
	}
	router, err := Binary("i2p-router")
	if err != nil {
		t.Fatal(err)
	}
	for name, settings := range map[string]string{
		"PCP": "enable_natpmp=yes\nenable_upnp=yes\n", "NAT-PMP": "enable_natpmp=yes\nenable_upnp=no\n", "UPnP IGD": "enable_natpmp=no\nenable_upnp=yes\n",
	} {
		t.Run(strings.ReplaceAll(name, " ", ""), func(t *testing.T) {
			dir := t.TempDir()
			home, gateway := household(t)
			conf := filepath.Join(dir, "miniupnpd.conf")
			text := "ext_ifname=wan\next_ip=" + wanAddr + "\nlistening_ip=eth0\nport=5555\nuuid=00000000-0000-0000-0000-000000000001\n" +
				"secure_mode=yes\nallow 1024-65535 192.168.77.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n" + settings
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			log, err := os.Create(filepath.Join(dir, "miniupnpd.log"))
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			daemon := exec.Command("miniupnpd", "-d", "-f", conf, "-P", filepath.Join(dir, "pid"))
			daemon.Stdout, daemon.Stderr = log, log
			if err := gateway.Start(daemon); err != nil {
				t.Fatal(err)
			}
			defer func() {
				daemon.Process.Kill()
				daemon.Wait()
				if t.Failed() {
					b, _ := os.ReadFile(log.Name())
					t.Logf("miniupnpd:\n%s", b)
				}
			}()
			listening(t, gateway)
			if name == "NAT-PMP" { // the same port serves PCP, whose packets begin with its version
				err := gateway.Run("add table inet old\nadd chain inet old in { type filter hook input priority -10; }\nadd rule inet old in udp dport 5351 @th,64,8 2 drop", "nft", "-f", "-")
				if err != nil {
					t.Fatal(err)
				}
			}

			const port = 15123
			socket := filepath.Join(dir, "router.sock")
			toml := filepath.Join(dir, "router.toml")
			if err := os.WriteFile(toml, []byte("[ssu2]\nenabled = true\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			run := exec.Command(router, "run", "--config", toml, "--dir", filepath.Join(dir, "data"), "--socket", socket, "--no-reseed", "--port", fmt.Sprint(port))
			if err := home.Start(run); err != nil {
				t.Fatal(err)
			}
			stopped := false
			defer func() {
				if !stopped {
					run.Process.Kill()
					run.Wait()
				}
			}()
			m := mapping(t, router, socket)
			if m.By != name {
				t.Errorf("mapped by %q", m.By)
			}
			for _, p := range m.Ports {
				if p.External != fmt.Sprintf("%s:%d", wanAddr, port) || p.Internal != port {
					t.Errorf("%+v", p)
				}
			}
			if n := rules(t, gateway, port); n != 2 {
				t.Errorf("the gateway has %d rules, expected 2", n)
			}
			if err := run.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := run.Wait(); err != nil {
				t.Error(err)
			}
			stopped = true
			if n := rules(t, gateway, port); n != 0 {
				t.Errorf("%d rules are left", n)
			}
		})
	}
}

const wanAddr = "93.184.216.34" // as an external one it must not be reserved

// household are a machine and its gateway.
func household(t *testing.T) (home, gateway *netns.Namespace) {
	t.Helper()
	b, err := netns.NewBridge()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if gateway, err = b.Host(netip.MustParsePrefix("192.168.77.1/24")); err == nil {
		home, err = b.Host(netip.MustParsePrefix("192.168.77.2/24"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{
		{"ip", "link", "add", "wan", "type", "bridge"}, {"ip", "addr", "add", wanAddr + "/24", "dev", "wan"}, {"ip", "link", "set", "wan", "up"},
	} {
		if err := gateway.Run("", c[0], c[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	const tables = `table inet filter { chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; }; chain miniupnpd { }
 chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }; chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; }
 chain prerouting_miniupnpd { }; chain postrouting_miniupnpd { }; }`
	if err := gateway.Run(tables, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if err := home.Run("", "ip", "route", "add", "default", "via", "192.168.77.1"); err != nil {
		t.Fatal(err)
	}
	return home, gateway
}

// listening waits until the gateway's program answers.
func listening(t *testing.T, gateway *netns.Namespace) {
	t.Helper()
	for range 100 {
		if gateway.Run("", "sh", "-c", "grep -qE ':(0+14E7|14E7|15B3) ' /proc/net/udp /proc/net/tcp /proc/net/udp6 /proc/net/tcp6") == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("miniupnpd does not listen")
}

// mapping waits until both ports are mapped.
func mapping(t *testing.T, router, socket string) control.PortMapping {
	t.Helper()
	var last []byte
	for range 200 {
		out, err := exec.Command(router, "status", "--socket", socket, "--json").Output()
		var st control.Status
		if err == nil && json.Unmarshal(out, &st) == nil && st.PortMapping != nil && len(st.PortMapping.Ports) == 2 {
			return *st.PortMapping
		}
		last = out
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the ports are not mapped:\n%s", last)
	return control.PortMapping{}
}

// rules counts what the gateway passes on at a port.
func rules(t *testing.T, gateway *netns.Namespace, port int) int {
	t.Helper()
	list := exec.Command("nft", "list", "ruleset")
	var out strings.Builder
	list.Stdout = &out
	if err := gateway.Start(list); err != nil {
		t.Fatal(err)
	}
	if err := list.Wait(); err != nil {
		t.Fatal(err)
	}
	return strings.Count(out.String(), fmt.Sprintf("dnat ip to 192.168.77.2:%d", port))
}
