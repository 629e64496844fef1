package destinations

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
)

// reach has a destination find another by a b33 address, and a stream to it carry a word there and back.
func reach(t *testing.T, d *Local, address string) error {
	t.Helper()
	name, err := i2p.ParseName(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	to, err := d.ResolveBlinded(ctx, name.Blinded)
	if err != nil {
		return err
	}
	c, err := d.Dial(ctx, to, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	return exchange(c)
}

func exchange(c io.ReadWriter) error {
	if _, err := io.WriteString(c, "ping"); err != nil {
		return err
	}
	var b [4]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "ping" {
		return errors.Join(err, errors.New("no echo"))
	}
	return nil
}

// TestBlinded: a destination whose lease set is encrypted is found by its b33 address by those whom its
// owner lets in, and by nobody by its hash; others are told why not. It goes on when the day and with
// it the key changes, and so do its streams.
func TestBlinded(t *testing.T) {
	evening := time.Date(2026, 3, 1, 23, 50, 0, 0, time.UTC)
	pair := noise.NewKeyPair([32]byte{1, 5})
	private, shared := pair.Private(), [32]byte{1, 6}
	key := func(k [32]byte) string { return string(k[:]) }
	for what, tt := range map[string]struct {
		own, reader options.Blinding
		refused     map[string]options.Blinding // by what their error says
	}{
		"everybody": {options.Blinding{Own: true}, options.Blinding{}, nil},
		"secret": {options.Blinding{Own: true, Secret: "sesame"}, options.Blinding{Secret: "sesame"}, map[string]options.Blinding{
			"a secret is needed":                 {},
			"no floodfill that was asked has it": {Secret: "wrong"}, // its lease set of the day would lie elsewhere
		}},
		"DH": {
			options.Blinding{Own: true, Admission: leaseset.ByDH, Clients: key(pair.Public)}, options.Blinding{Key: key(private)},
			map[string]options.Blinding{"only clients with a key": {}, "not one of those": {Key: key(shared)}},
		},
		"PSK": {
			options.Blinding{Own: true, Admission: leaseset.ByPSK, Clients: key(shared)}, options.Blinding{Key: key(shared)},
			map[string]options.Blinding{"only clients with a key": {}, "not one of those": {Key: key(private)}},
		},
	} {
		t.Run(what, func(t *testing.T) {
			inNetworkAt(t, evening, 6, func(t *testing.T, n *network) {
				own := asked()
				own.Blinding = tt.own
				server := open(t, n.halls[4], Request{Keys: newKeys(t, 1), Options: own})
				l, err := server.Listen(0)
				if err != nil {
					t.Fatal(err)
				}
				go serve(l)
				address := server.Address()
				if len(strings.TrimSuffix(address, ".b32.i2p")) != 56 {
					t.Fatalf("its address is %s", address)
				}
				reading := asked()
				reading.Blinding = tt.reader
				client := open(t, n.halls[5], Request{Options: reading})
				if err := reach(t, client, address); err != nil {
					t.Fatal(err)
				}
				stranger := open(t, n.halls[5], Request{Options: asked()})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := stranger.Resolve(ctx, server.Destination().Hash()); !errors.Is(err, ErrNotFound) {
					t.Errorf("by its hash: %v", err)
				}
				for said, blinding := range tt.refused {
					reading := asked()
					reading.Blinding = blinding
					other := open(t, n.halls[5], Request{Options: reading})
					if err := reach(t, other, address); err == nil || !strings.Contains(err.Error(), said) {
						t.Errorf("%+v: %v, expected %q", blinding, err, said)
					}
					other.Close()
				}
				stranger.Close()
				nextDay(t, client, server, address, open(t, n.halls[3], Request{Options: reading}))
			})
		})
	}
}

// nextDay has a stream live over the end of the day, and others opened soon after, one by a destination that
// never asked before.
func nextDay(t *testing.T, client, server *Local, address string, other *Local) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, server.Destination(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	time.Sleep(time.Until(midnight.Add(-30 * time.Second)))
	for time.Until(midnight) > -20*time.Minute {
		if err := exchange(c); err != nil {
			t.Fatalf("%v after midnight: %v", -time.Until(midnight), err)
		}
		if since := -time.Until(midnight); since > 10*time.Second && since < 30*time.Second {
			if err := reach(t, other, address); err != nil {
				t.Errorf("%v after midnight: %v", since, err)
			}
		}
		time.Sleep(15 * time.Second)
	}
	if err := reach(t, client, address); err != nil {
		t.Errorf("on the next day: %v", err)
	}
}

// TestUnlock: what opens an encrypted lease set can be said for one address, and then its destination is found by
// its hash as well.
func TestUnlock(t *testing.T) {
	inNetwork(t, 6, func(t *testing.T, n *network) {
		own := asked()
		own.Blinding = options.Blinding{Own: true, Secret: "sesame"}
		server := open(t, n.halls[4], Request{Keys: newKeys(t, 1), Options: own})
		l, err := server.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		go serve(l)
		client := open(t, n.halls[5], Request{Options: asked()})
		if err := reach(t, client, server.Address()); !errors.Is(err, ErrLocked) {
			t.Errorf("before: %v", err)
		}
		a := server.Destination().Blinded()
		hash := server.Destination().Hash()
		client.Unlock(leaseset.Reader{Address: a, Secret: "wrong"}, hash)
		client.Unlock(leaseset.Reader{Address: a, Secret: "sesame"}, hash)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if to, err := client.Resolve(ctx, hash); err != nil || !to.Equal(server.Destination().Identity) {
			t.Errorf("by its hash: %v", err)
		}
		if err := reach(t, client, server.Address()); err != nil {
			t.Error(err)
		}
	})
}
