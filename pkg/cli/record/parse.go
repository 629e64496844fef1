package record

import (
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// Shown is what can be shown: a Router or a LeaseSet.
type Shown interface {
	Print(io.Writer) error
	Verdict() (hash, state string, signed bool)
}

// Of describes what the router gave.
func Of(r control.Record, now time.Time) (Shown, error) {
	if r.Kind == control.KindRouterInfo {
		ri, err := routerinfo.Parse(r.Data)
		if err != nil {
			return nil, err
		}
		return OfRouter(ri, true), nil
	}
	set, err := leaseset.Parse(r.StoreType, r.Data)
	if err != nil {
		return nil, err
	}
	return OfLeaseSet(set, now), nil
}

// Guess describes bytes whose kind nobody told: of what they can be read as, the one whose
// signature is good.
func Guess(b []byte, now time.Time) (Shown, error) {
	shown, _, err := Identify(b, now)
	return shown, err
}

// Identify is Guess, and gives the DatabaseStore type as well.
func Identify(b []byte, now time.Time) (Shown, byte, error) {
	ri, why := routerinfo.Parse(b)
	if why == nil {
		return OfRouter(ri, true), i2np.StoreRouterInfo, nil
	}
	var first *LeaseSet
	var firstType byte
	for _, t := range []byte{leaseset.TypeLeaseSet2, leaseset.TypeLeaseSet, leaseset.TypeEncryptedLeaseSet, leaseset.TypeMetaLeaseSet} {
		set, err := leaseset.Parse(t, b)
		if err != nil {
			continue
		}
		l := OfLeaseSet(set, now)
		if l.State != BadSignature {
			return l, t, nil
		}
		if first == nil {
			first, firstType = &l, t
		}
	}
	if first != nil {
		return *first, firstType, nil
	}
	return nil, 0, fmt.Errorf("neither a lease set nor a RouterInfo: %w", why)
}
