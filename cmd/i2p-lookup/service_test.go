package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/control/controltest"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// published adds a lease set with options to what a fake router's netDb has.
func published(t *testing.T, node *controltest.Node, seed byte, options map[string]string) i2p.Hash {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, controltest.Rand(seed))
	if err != nil {
		t.Fatal(err)
	}
	pair := keys.LeaseSetKey()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: pair.Public[:]}}, Options: options,
		Leases:    []leaseset.Lease{{TunnelID: 1, Expires: i2p.DateOf(time.Now().Add(9 * time.Minute))}},
		Published: i2p.DateOf(time.Now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	node.Records = append(node.Records, control.Record{Kind: control.KindLeaseSet, Hash: set.Hash().String(), StoreType: set.StoreType(), Data: set.Bytes()})
	return set.Hash()
}

// TestServices: the records of a service in their order, those left out to which their destinations do not stand.
func TestServices(t *testing.T) {
	node := &controltest.Node{Hasty: true}
	const service = "_smtp._tcp"
	offers := published(t, node, 1, map[string]string{service: "0 86400 25 x@mail.i2p"})
	silent := published(t, node, 2, nil)
	points := published(t, node, 3, map[string]string{
		service:   "1 86400 5 0 26 " + silent.B32() + ",86400 1 7 25 " + offers.B32() + " a",
		"_a._tcp": "1 86400 5 0 26 " + silent.B32(), "_b._tcp": "1 86400 25",
	})
	ctx, cancel := context.WithCancel(t.Context())
	socket := filepath.Join(t.TempDir(), "r.sock")
	wait, err := node.Serve(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	defer wait()
	defer cancel()
	router := client.New(socket)
	f := &finder{books: router, router: router, timeout: 10 * time.Second}

	a, err := f.find(t.Context(), service+"."+offers.B32())
	if err != nil || len(a.Services) != 1 || a.Services[0].line() != "0 0 25 "+offers.B32()+" 86400 x@mail.i2p" || a.B32 != offers.B32() {
		t.Errorf("by itself: %+v, %v", a, err)
	}
	a, err = f.find(t.Context(), "_SMTP._tcp."+points.B32())
	if err != nil || len(a.Services) != 2 || a.Services[0].line() != "1 7 25 "+offers.B32()+" 86400 a" || a.Services[0].Error != "" ||
		!strings.HasSuffix(a.Services[1].Error, "does not say by itself that it offers _smtp._tcp") {
		t.Errorf("by others: %+v, %v", a, err)
	}
	for name, want := range map[string]struct {
		status int
		said   string
	}{
		"_a._tcp." + points.B32():    {cli.StatusFailed, "does not say by itself"},
		"_b._tcp." + points.B32():    {cli.StatusFailed, "says nothing"},
		"_imap._tcp." + points.B32(): {cli.StatusFailed, "has no record of _imap._tcp"},
		"_smtp." + points.B32():      {cli.StatusData, "no service such as"},
		service + ".nobody":          {cli.StatusData, "neither a host name"},
		service + ".nobody.i2p":      {cli.StatusFailed, "no address book has this name"},
	} {
		if _, err := f.find(t.Context(), name); err == nil || cli.StatusOf(err) != want.status || !strings.Contains(err.Error(), want.said) {
			t.Errorf("%s: status %d, %v", name, cli.StatusOf(err), err)
		}
	}
	f.wantSet = true
	if _, err := f.find(t.Context(), service+"."+offers.B32()); cli.StatusOf(err) != cli.StatusUsage {
		t.Error(err)
	}
	f.wantSet, f.router = false, nil
	if _, err := f.find(t.Context(), service+"."+offers.B32()); cli.StatusOf(err) != cli.StatusUsage {
		t.Errorf("offline: %v", err)
	}
}
