package netdb

import (
	"crypto/sha256"
	"math/bits"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// RoutingKey is where a key lies on the day of now: SHA-256 of the key and the
// UTC date as yyyyMMdd (network database, "Kademlia Closeness Metric"). Router
// hashes themselves are not transformed.
func RoutingKey(key i2p.Hash, now time.Time) i2p.Hash {
	b := make([]byte, 0, 40)
	b = append(b, key[:]...)
	b = now.UTC().AppendFormat(b, "20060102")
	return sha256.Sum256(b)
}

// SharedBits is how many leading bits two hashes have in common: the more, the closer
// they are.
func SharedBits(a, b i2p.Hash) (shared int) {
	for i := range a {
		if a[i] != b[i] {
			return shared + bits.LeadingZeros8(a[i]^b[i])
		}
		shared += 8
	}
	return shared
}

// untilMidnight is the time left of the UTC day.
func untilMidnight(now time.Time) time.Duration {
	now = now.UTC()
	return now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
}
