// Package record shows netDb entries to people and to programs.
package record

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/routerinfo"
)

// Router is a RouterInfo as JSON.
type Router struct {
	Kind           string            `json:"kind"` // routerinfo
	Hash           string            `json:"hash"`
	State          string            `json:"state,omitempty"` // valid, bad signature; empty: not looked at
	Published      time.Time         `json:"published"`
	Version        string            `json:"version"`
	Caps           string            `json:"caps"`
	Floodfill      bool              `json:"floodfill"`
	NetID          int               `json:"net_id"`
	Family         string            `json:"family,omitempty"`
	SignatureType  string            `json:"signature_type"`
	EncryptionType string            `json:"encryption_type"`
	Bytes          int               `json:"bytes"`
	Addresses      []Address         `json:"addresses"`
	Options        map[string]string `json:"options,omitempty"`
}

// Address is one of a router's addresses.
type Address struct {
	Transport string            `json:"transport"`
	Host      string            `json:"host,omitempty"`
	Port      uint16            `json:"port,omitempty"`
	Cost      int               `json:"cost"`
	Options   map[string]string `json:"options,omitempty"`
}

// OfRouter describes a RouterInfo. The full description has all options, and the
// signature's state.
func OfRouter(ri *routerinfo.RouterInfo, full bool) Router {
	id := ri.Identity()
	r := Router{
		Kind: "routerinfo", Hash: ri.Hash().String(), Published: ri.Published().Time(),
		Version: ri.Version(), Caps: ri.Caps().Text, Floodfill: ri.IsFloodfill(),
		NetID: ri.NetID(), Family: ri.Family(),
		SignatureType: id.SigType().String(), EncryptionType: id.CryptoType().String(),
		Bytes: len(ri.Bytes()), Addresses: []Address{},
	}
	for _, a := range ri.Addresses() {
		address := Address{Transport: a.Style, Host: a.Options.Get("host"), Port: a.Port(), Cost: int(a.Cost)}
		if full {
			address.Options = mapOf(a.Options)
		}
		r.Addresses = append(r.Addresses, address)
	}
	if full {
		r.Options = mapOf(ri.Options())
		r.State = Valid
		if ri.Verify() != nil {
			r.State = BadSignature
		}
	}
	return r
}

// Verdict is the short of it: whose it is, its state, and whether it is signed well.
func (r Router) Verdict() (hash, state string, signed bool) {
	return r.Hash, r.State, r.State == Valid
}

// Print prints the full description.
func (r Router) Print(w io.Writer) error {
	t := cli.NewTable(w)
	row := t.Rowf
	row("routerinfo", "%s", r.Hash)
	row("state", "%s", r.State)
	row("published", "%s", r.Published.Format(time.RFC3339))
	row("version", "%s", r.Version)
	row("caps", "%s", spelled(r.Caps, capabilities))
	row("network", "%d", r.NetID)
	if r.Family != "" {
		row("family", "%s", r.Family)
	}
	row("keys", "%s, %s", r.SignatureType, r.EncryptionType)
	row("bytes", "%d", r.Bytes)
	for _, a := range r.Addresses {
		row("address", "%s, cost %d", cmp.Or(a.endpoint(), a.Transport+" without a host"), a.Cost)
		for _, name := range slices.Sorted(maps.Keys(a.Options)) {
			if name != "host" && name != "port" || a.Host == "" {
				row("  "+name, "%s", addressOption(a.Transport, name, a.Options[name]))
			}
		}
	}
	row("options", "%s", optionText(r.Options))
	return t.Flush()
}

// Endpoints are the addresses that can be dialled, "NTCP2 192.0.2.1:12345".
func (r Router) Endpoints() []string {
	var out []string
	for _, a := range r.Addresses {
		if at := a.endpoint(); at != "" {
			out = append(out, at)
		}
	}
	return out
}

// endpoint is where an address is, if it is anywhere.
func (a Address) endpoint() string {
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if host == "" {
		return ""
	}
	return fmt.Sprintf("%s %s:%d", a.Transport, host, a.Port)
}

func optionText(options map[string]string) string {
	var list []string
	for k, v := range options {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
