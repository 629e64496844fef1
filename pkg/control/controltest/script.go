package controltest

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/routerinfo"
)

// Script is a testscript command that runs a fake router until the script's end:
//
//	fake-router [-no-tunnels|-few] [-hasty] [-hang-up] [-names DIR] SOCKET [FILE…]
//
// Its address books are those of a directory. The netDb holds the RouterInfos and LeaseSet2s in the files; the router has been served by
// those of files without "unproven" in their names. It is in the network of which the RouterInfos are.
func Script(ts *testscript.TestScript, neg bool, args []string) {
	node := &Node{}
	for ; len(args) > 0 && strings.HasPrefix(args[0], "-"); args = args[1:] {
		switch args[0] {
		case "-no-tunnels":
			node.NoTunnels = true
		case "-few":
			node.NoTunnels, node.Few = true, true
		case "-hasty":
			node.Hasty = true
		case "-hang-up":
			node.HangUp = true
		case "-names":
			if args = args[1:]; len(args) > 0 {
				node.Names = naming.New(naming.Config{Dir: ts.MkAbs(args[0])})
			}
		default:
			ts.Fatalf("fake-router: unknown flag %s", args[0])
		}
	}
	if neg || len(args) < 1 {
		ts.Fatalf("usage: fake-router [-no-tunnels|-few] [-hasty] [-hang-up] [-names DIR] SOCKET [FILE…]")
	}
	for _, name := range args[1:] {
		b, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		r, err := recordOf(b, node)
		ts.Check(err)
		r.Proven = !strings.Contains(name, "unproven")
		node.Records = append(node.Records, r)
	}
	wait, err := node.Serve(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() {
		node.StopNow()
		wait()
	})
}

const storeTypeLeaseSet2 = 3

func recordOf(b []byte, node *Node) (control.Record, error) {
	if ri, err := routerinfo.Parse(b); err == nil {
		node.Network = ri.NetID()
		return control.Record{Kind: control.KindRouterInfo, Hash: ri.Hash().String(), Data: b}, nil
	}
	ls, err := leaseset.Parse(storeTypeLeaseSet2, b)
	if err != nil {
		return control.Record{}, errors.Join(errors.New("neither RouterInfo nor LeaseSet2"), err)
	}
	var hash i2p.Hash = ls.Hash()
	return control.Record{Kind: control.KindLeaseSet, Hash: hash.String(), StoreType: storeTypeLeaseSet2, Data: b}, nil
}
