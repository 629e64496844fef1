package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
)

// TestEncryptionTypes: a destination speaks, and its lease set has, the types that it was
// asked for, and no other; a peer is answered with the type with which it came.
func TestEncryptionTypes(t *testing.T) {
	const x, m768, m1024 = i2p.CryptoX25519, i2p.CryptoMLKEM768X25519, i2p.CryptoMLKEM1024X25519
	for _, tt := range []struct {
		ours, theirs []i2p.EncryptionType
		used         i2p.EncryptionType // 0: none
	}{
		{[]i2p.EncryptionType{x}, []i2p.EncryptionType{x}, x},
		{[]i2p.EncryptionType{m768, x}, []i2p.EncryptionType{m768, x}, m768},
		{[]i2p.EncryptionType{m1024}, []i2p.EncryptionType{m1024, x}, m1024},
		{[]i2p.EncryptionType{m768, x}, []i2p.EncryptionType{x, m768}, x},
		{[]i2p.EncryptionType{m768, x}, []i2p.EncryptionType{m1024, x}, x},
		{[]i2p.EncryptionType{x}, []i2p.EncryptionType{m768, x}, x},
		{[]i2p.EncryptionType{x}, []i2p.EncryptionType{m768}, 0},
		{[]i2p.EncryptionType{m768}, []i2p.EncryptionType{m1024}, 0},
	} {
		t.Run(fmt.Sprint(tt.ours, "to", tt.theirs), func(t *testing.T) {
			asked := func(types []i2p.EncryptionType) options.Options {
				o := options.Default()
				o.Encryption = types
				return o
			}
			pairWith(t, asked(tt.ours), asked(tt.theirs), func(t *testing.T, e *ether, a, b *Client) {
				var published []i2p.EncryptionType
				for _, k := range e.stored(b).EncryptionKeys() {
					published = append(published, k.Type)
				}
				if !slices.Equal(published, tt.theirs) {
					t.Errorf("published %v", published)
				}
				if tt.used == 0 {
					if _, err := a.Dial(t.Context(), b.Destination(), 7); !errors.Is(err, ErrEncryption) {
						t.Error(err)
					}
					return
				}
				echo(t, a, b, 20000)
				l, err := b.Listen(8)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				dialled, err := a.Dial(t.Context(), b.Destination(), 8)
				if err != nil {
					t.Fatal(err)
				}
				defer dialled.Close()
				accepted, err := l.AcceptStream(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer accepted.Close()
				if want := tt.used.String(); dialled.Encryption() != want || accepted.Encryption() != want {
					t.Errorf("streams say %q and %q, not %q", dialled.Encryption(), accepted.Encryption(), want)
				}
				for _, c := range []struct{ at, of *Client }{{a, b}, {b, a}} {
					var used i2p.EncryptionType
					var spoken ratchet.Stats
					c.at.look(func(time.Time) {
						used, spoken = c.at.remotes[c.of.own.hash].key.Type, c.at.sessions.Stats()
					})
					if used != tt.used {
						t.Errorf("type %d is used", used)
					}
					if spoken.NewSealed+spoken.NewOpened > 2 || spoken.Failed > 0 {
						t.Errorf("%+v", spoken)
					}
				}
			})
		})
	}
}

// TestUnspokenTypes: what the options take, we speak.
func TestUnspokenTypes(t *testing.T) {
	for n := range 10 {
		_, problems := options.Parse(options.Default(), map[string]string{"i2cp.leaseSetEncType": fmt.Sprint(n)})
		if taken := len(problems) == 0; taken != speaks(i2p.EncryptionType(n)) {
			t.Errorf("type %d: the options say %t, %v", n, taken, problems)
		}
	}
}

// TestAccessList: a stream of one who is not on the list is not taken, others are.
func TestAccessList(t *testing.T) {
	listed := options.Default()
	listed.Access = options.Access{Rule: options.NoneListed}
	pairWith(t, options.Default(), listed, func(t *testing.T, e *ether, a, b *Client) { echo(t, a, b, 10) })
	listed.Access.Rule = options.OnlyListed
	pairWith(t, options.Default(), listed, func(t *testing.T, e *ether, a, b *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if s, err := a.Dial(ctx, b.Destination(), 7); err == nil {
			s.Abort()
			t.Error("a stream was taken of one who is not on the list")
		}
	})
}

// TestConnectTimeout: the option bounds a Dial that nobody answers.
func TestConnectTimeout(t *testing.T) {
	o := options.Default()
	o.Streaming.ConnectTimeout = 2 * time.Second
	pairWith(t, o, options.Default(), func(t *testing.T, e *ether, a, b *Client) {
		e.lose(b)
		begun := time.Now()
		_, err := a.Dial(t.Context(), b.Destination(), 7)
		if took := time.Since(begun); err == nil || took != 2*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}
