package lookups

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/sign"
)

// destination is one that publishes a lease set, and looks up those of others.
type destination struct {
	keys    *i2p.PrivateKeys
	at      *member
	tunnels *router.Tunnels
	leases  []leaseset.Lease // that stand now
	changed bool             // since they were published
	date    i2p.Date         // of the last lease set: each is newer than the one before
}

// settle opens a destination at a router.
func (w *world) settle(m *member) error {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519, w.net.Stream("destination", len(w.dests)))
	if err != nil {
		return err
	}
	d := &destination{keys: keys, at: m}
	d.tunnels = m.Core.OpenTunnels(router.TunnelsConfig{
		Name: fmt.Sprint("destination ", len(w.dests)), Inbound: client, Outbound: client,
		Changed: func(s router.TunnelState) { d.leases, d.changed = s.Leases, true },
	})
	m.stays = true
	w.dests = append(w.dests, d)
	return nil
}

// publish publishes the leases where they have changed.
func (d *destination) publish(now time.Time) {
	if !d.changed || len(d.leases) == 0 {
		return
	}
	d.date = max(i2p.DateOf(now), d.date+1000)
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: d.keys, Published: d.date, Leases: d.leases,
		EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: make([]byte, 32)}},
	})
	if err != nil {
		panic(fmt.Sprintf("lookups: a lease set of %d leases: %v", len(d.leases), err))
	}
	d.changed = false
	d.tunnels.Publish(set)
	d.at.Wake()
}

// lookUp asks for another's lease set, as it is done once only: what a destination has asked
// for before it has, where no answer comes.
func (d *destination) lookUp(now func() time.Time, key i2p.Hash) *question {
	q := &question{begun: now(), key: key, kind: i2np.LookupLeaseSet, from: d.at}
	d.tunnels.AskLeaseSet(key, 0, func(res netdb.Result) { q.end(now(), res) })
	d.at.Wake()
	return q
}
