package client

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// TestHints: a message with which our lease set may not go tells the peer nothing of it, and neither does what we send
// by ourselves; the next one without that does. What has expired before there was a way is not sent.
func TestHints(t *testing.T) {
	for name, asked := range map[string]options.Options{"ratchet": options.Default(), "elder": speaking(i2p.CryptoElGamal)} {
		t.Run(name, func(t *testing.T) {
			pairWith(t, asked, asked, func(t *testing.T, e *ether, a, b *Client) {
				to := b.Destination().Hash()
				came := make(chan string, 10)
				stop, err := b.Handle(datagram.Raw, 0, func(_ datagram.Header, framed []byte, _ i2p.Hash) {
					_, body, _ := datagram.Decode(framed, 1000)
					came <- string(body)
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				knows := func() (is bool) {
					b.look(func(time.Time) {
						r := b.remotes[a.Destination().Hash()]
						is = r != nil && r.set != nil
					})
					return is
				}
				send := func(body string, h Hints) {
					if err := a.SendHinted(to, datagram.Header{Protocol: datagram.Raw}.AppendStored(nil, []byte(body)), h); err != nil {
						t.Fatal(err)
					}
				}
				send("late", Hints{NoLeaseSet: true, Expires: i2p.DateOf(time.Now())}) // there is no lease set of b's yet
				for range 50 {
					send("alone", Hints{NoLeaseSet: true, Tags: options.Tags{Send: 50, Low: 3}, Expires: i2p.DateOf(time.Now().Add(time.Minute))})
					if body := <-came; body != "alone" {
						t.Fatalf("%q came", body)
					}
				}
				time.Sleep(time.Minute)
				if knows() {
					t.Error("our lease set was told")
				}
				if g := a.Stats().ElGamal; name == "elder" && (g.NewSealed == 0 || g.TagsSent%50 != 0) {
					t.Errorf("%+v", g)
				}
				if a.Stats().Dropped != 1 {
					t.Errorf("%d dropped", a.Stats().Dropped)
				}
				send("told", Hints{})
				if <-came; !knows() {
					t.Error("our lease set was not told")
				}
			})
		})
	}
}
