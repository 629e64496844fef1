//go:build linux

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keygen runs our i2p-keygen in a directory, and returns what it prints.
func keygen(t *testing.T, dir string, args ...string) string {
	t.Helper()
	program, err := Binary("i2p-keygen")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("i2p-keygen %s: %v: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// hostedKey is a key file that is used in a server tunnel of i2pd's.
type hostedKey struct {
	file      string
	make      [][]string // the runs of i2p-keygen that make it; none: i2pd makes it
	options   string     // further lines of the tunnel
	encrypted bool       // the lease set is
	info      struct {
		B32       string `json:"b32"`
		B33       string `json:"b33"`
		Signature string `json:"signature_type"`
	}
}

func hostedKeys() []*hostedKey {
	var keys []*hostedKey
	for _, t := range []string{"p256", "p384", "p521", "ed25519", "red25519"} {
		keys = append(keys, &hostedKey{file: t + ".dat", make: [][]string{{"dest", "-t", t, "-o", t + ".dat"}}})
	}
	keys = append(keys,
		&hostedKey{file: "x25519.dat", make: [][]string{{"dest", "-e", "x25519", "-o", "x25519.dat"}}},
		&hostedKey{file: "vanity.dat", make: [][]string{{"vanity", "cat", "-o", "vanity.dat"}}},
		&hostedKey{file: "offline-ed.dat", make: [][]string{{"dest", "-o", "proper.dat"}, {"offline", "proper.dat", "-o", "offline-ed.dat"}}},
		&hostedKey{file: "offline-p256.dat", make: [][]string{{"dest", "-o", "proper2.dat"}, {"offline", "-t", "p256", "proper2.dat", "-o", "offline-p256.dat"}}},
		&hostedKey{file: "encrypted.dat", encrypted: true, options: "i2cp.leaseSetType = 5\n",
			make: [][]string{{"dest", "-t", "red25519", "-o", "encrypted.dat"}}},
		&hostedKey{file: "encrypted-ed.dat", encrypted: true, options: "i2cp.leaseSetType = 5\n",
			make: [][]string{{"dest", "-o", "encrypted-ed.dat"}}},
	)
	for i, t := range []int{1, 2, 3, 7, 11} {
		keys = append(keys, &hostedKey{file: fmt.Sprintf("i2pd-%d.dat", t), options: fmt.Sprintf("signaturetype = %d\ncryptotype = %d\n", t, 4*(i%2))})
	}
	return keys
}

// TestKeys has i2pd use the keys that i2p-keygen makes, of every type, in server tunnels,
// and another i2pd connect to them; it reads what i2pd makes, and compares addresses,
// signatures and the place of encrypted lease sets.
func TestKeys(t *testing.T) {
	ctx := gate(t, 12*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie}})
	page := servePage(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	for _, host := range n.I2PD[:2] {
		t.Run(string(host.Release), func(t *testing.T) { testKeys(t, ctx, n, host, page) })
	}
}

func testKeys(t *testing.T, ctx context.Context, n *Network, host *I2PD, page string) {
	keys := hostedKeys()
	before := make(map[string][]byte)
	var conf strings.Builder
	for _, k := range keys {
		for _, run := range k.make {
			keygen(t, host.dir, run...)
		}
		if k.make != nil {
			before[k.file] = readFile(t, filepath.Join(host.dir, k.file))
		}
		fmt.Fprintf(&conf, "[%s]\ntype = http\nhost = 127.0.0.1\nport = %d\nkeys = %s\n", k.file, webPort, k.file)
		fmt.Fprintf(&conf, "inbound.length = 0\noutbound.length = 0\ninbound.quantity = 1\noutbound.quantity = 1\n%s\n", k.options)
	}
	if err := os.WriteFile(filepath.Join(host.dir, "tunnels.conf"), []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := host.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		err := Await(ctx, 30*time.Second, host.Name+" shows the tunnel "+k.file, func(ctx context.Context) error {
			list, err := host.ConsolePage(ctx, "/?page=i2p_tunnels")
			if err == nil && !strings.Contains(list, ">"+k.file+"<") {
				err = errors.New("it is not there")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sameKeys(t, ctx, host, k, before[k.file])
	}
	browse(t, ctx, n, keys, page)
	for _, k := range keys {
		if k.encrypted {
			stored(t, ctx, n, host, k)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var tunnelLine = regexp.MustCompile(`b32=([a-z2-7]{52})">\s*([^<]+)</a>`)

// sameKeys compares what i2pd and i2p-keygen say about a key file.
func sameKeys(t *testing.T, ctx context.Context, host *I2PD, k *hostedKey, before []byte) {
	t.Helper()
	after := readFile(t, filepath.Join(host.dir, k.file))
	if before != nil && !bytes.Equal(before, after) {
		t.Errorf("%s: i2pd changed the file", k.file)
	}
	// Through every form and back.
	hexed := keygen(t, host.dir, "convert", "--to", "hex", k.file)
	if fmt.Sprintf("%x\n", after) != hexed {
		t.Errorf("%s: reads back as something else", k.file)
	}
	if err := json.Unmarshal([]byte(keygen(t, host.dir, "info", "--json", k.file)), &k.info); err != nil {
		t.Fatal(err)
	}
	list, err := host.ConsolePage(ctx, "/?page=i2p_tunnels")
	if err != nil {
		t.Fatal(err)
	}
	shown := ""
	for _, m := range tunnelLine.FindAllStringSubmatch(list, -1) {
		if m[2] == k.file {
			shown = m[1] + ".b32.i2p"
		}
	}
	if shown != k.info.B32 {
		t.Errorf("%s: i2pd shows %s, i2p-keygen %s", k.file, shown, k.info.B32)
	}
	details, err := host.ConsolePage(ctx, "/?page=local_destination&b32="+strings.TrimSuffix(shown, ".b32.i2p"))
	if err != nil {
		t.Fatal(err)
	}
	if dest := strings.TrimSpace(keygen(t, host.dir, "pub", k.file)); !strings.Contains(details, dest) {
		t.Errorf("%s: i2pd shows another destination", k.file)
	}
	if k.encrypted && !strings.Contains(details, k.info.B33) {
		t.Errorf("%s: i2pd does not show %s", k.file, k.info.B33)
	}
	if !k.encrypted && !strings.HasPrefix(k.file, "offline") {
		registered(t, ctx, host, k, details)
	}
}

var (
	registrationToken = regexp.MustCompile(`name="token" value="(\d+)"`)
	registration      = regexp.MustCompile(`<textarea[^>]*name="record"[^>]*>([^<]+)</textarea>`)
)

// registered has i2pd make an address registration line with the key, which must verify;
// ours is the same where signatures are not random.
func registered(t *testing.T, ctx context.Context, host *I2PD, k *hostedKey, details string) {
	t.Helper()
	token := registrationToken.FindStringSubmatch(details)
	if token == nil {
		t.Errorf("%s: i2pd offers no registration", k.file)
		return
	}
	answer, err := host.ConsolePage(ctx, "/?cmd=get_reg_string&token="+token[1]+"&b32="+strings.TrimSuffix(k.info.B32, ".b32.i2p")+"&name=example.i2p")
	if err != nil {
		t.Fatal(err)
	}
	record := registration.FindStringSubmatch(answer)
	if record == nil {
		t.Errorf("%s: i2pd makes no registration line: %.300s", k.file, answer)
		return
	}
	if out := keygen(t, host.dir, "host", "verify", record[1]); !strings.Contains(out, k.info.B32) {
		t.Errorf("%s: %s", k.file, out)
	}
	ours := strings.TrimSpace(keygen(t, host.dir, "host", "register", "example.i2p", "-k", k.file))
	if k.info.Signature == "EdDSA_SHA512_Ed25519" && ours != record[1] {
		t.Errorf("%s: i2pd's line is\n%s\nours\n%s", k.file, record[1], ours)
	}
}

// browse gets the page behind each tunnel from a router that does not host them. i2pd does
// not always find a lease set at once: whatever failed is tried again after the others.
func browse(t *testing.T, ctx context.Context, n *Network, keys []*hostedKey, page string) {
	t.Helper()
	session, err := n.I2PD[3].SAMSession(ctx, TunnelOptions(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	start := time.Now()
	last := make(map[*hostedKey]error)
	for _, k := range keys {
		if !k.encrypted {
			last[k] = errors.New("not tried")
		}
	}
	err = Await(ctx, 4*time.Minute, "i2pd reaches all tunnels", func(ctx context.Context) error {
		for _, k := range keys {
			if last[k] == nil {
				continue
			}
			if last[k] = reach(ctx, session, k, page); last[k] == nil {
				t.Logf("%s (%s): reached after %v", k.file, k.info.Signature, time.Since(start).Round(10*time.Millisecond))
			}
		}
		for _, k := range keys {
			if last[k] != nil {
				return fmt.Errorf("%s: %w", k.file, last[k])
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func reach(ctx context.Context, session *SAMSession, k *hostedKey, page string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dest, err := session.Lookup(ctx, k.info.B32)
	if err != nil {
		return err
	}
	c, err := session.Connect(ctx, dest)
	if err != nil {
		return err
	}
	defer c.Close()
	defer bound(ctx, c)()
	got, err := getPage(c, k.info.B32)
	if err == nil && got != page {
		err = fmt.Errorf("%d bytes: %.200q", len(got), got)
	}
	return err
}

// stored looks for an encrypted lease set in the floodfills, under the store hash that
// i2p-keygen computes.
func stored(t *testing.T, ctx context.Context, n *Network, host *I2PD, k *hostedKey) {
	t.Helper()
	err := Await(ctx, time.Minute, k.file+" is stored under our hash", func(ctx context.Context) error {
		var day struct {
			StoreHash string `json:"store_hash"`
		}
		if err := json.Unmarshal([]byte(keygen(t, host.dir, "b33", "--json", k.info.B33)), &day); err != nil {
			return err
		}
		raw, err := i2pBase64.DecodeString(day.StoreHash)
		if err != nil {
			return err
		}
		name := strings.ToLower(i2pBase32.EncodeToString(raw))
		for _, r := range n.I2PD {
			list, err := r.ConsolePage(ctx, "/?page=leasesets")
			if err != nil {
				return err
			}
			if strings.Contains(list, name) {
				return nil
			}
		}
		return errors.New("no floodfill has it")
	})
	if err != nil {
		t.Error(err)
	}
}
