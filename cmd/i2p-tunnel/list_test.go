package main

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
)

// TestWhyNot: a forward of no use is explained, and one that has once been of use is not.
func TestWhyNot(t *testing.T) {
	for name, tt := range map[string]struct {
		forward control.Forward
		want    string
	}{
		"fine":       {control.Forward{State: control.ForwardReady, Opened: 3, Failed: 1, Targets: []string{"127.0.0.1:80"}, Type: plan.Server}, ""},
		"failed":     {control.Forward{State: control.ForwardFailed, Error: "address already in use"}, "address already in use"},
		"no tunnels": {control.Forward{State: control.ForwardNoTunnels, Since: time.Unix(1764000000, 0)}, "no tunnels since 2025-11-24T16:00:00Z"},
		"no server": {control.Forward{State: control.ForwardReady, Failed: 1, Targets: []string{"127.0.0.1:80"}, Type: plan.Server},
			"1 connection failed, and none has come through to 127.0.0.1:80"},
		"no peer": {control.Forward{State: control.ForwardReady, Failed: 2, Destinations: []string{"a.i2p", "b.i2p"}, Type: plan.Client},
			"2 connections failed, and none has come through to a.i2p, b.i2p"},
		"a proxy": {control.Forward{State: control.ForwardReady, Failed: 2, Type: plan.HTTP}, ""},
	} {
		if got := whyNot(tt.forward); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
