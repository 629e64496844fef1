package main

import (
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/routerinfo"
)

// TestHintNetwork: no network is proposed that --netid would refuse.
func TestHintNetwork(t *testing.T) {
	now := time.Now()
	for id, want := range map[int]string{2: "--netid 2 takes those of network 2", 255: "--netid 255 takes those of network 255", 256: "", -1: ""} {
		var infos []*routerinfo.RouterInfo
		err := reseedtest.Routers(reseedtest.Config{Count: 1, Now: now, NetID: id}, func(ri *routerinfo.RouterInfo) error {
			infos = append(infos, ri)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		zip, err := reseedtest.Zip(infos...)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := reseed.OpenBundle(zip, reseed.OpenConfig{Now: now, NetID: 99, SkipSignature: true})
		if err != nil || len(bundle.Rejected) != 1 {
			t.Fatalf("network %d: %+v, %v", id, bundle.Rejected, err)
		}
		var hinted *cli.Failure
		hint := ""
		if errors.As(hintNetwork(errUseless, bundle.Rejected), &hinted) {
			hint = hinted.Hint
		}
		if hint != want {
			t.Errorf("network %d: hint %q, expected %q", id, hint, want)
		}
	}
}
