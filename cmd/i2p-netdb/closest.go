package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

func closestCommand() *cli.Command {
	return &cli.Command{
		Name:      "closest",
		Usage:     "list the floodfills that keep a key on a day",
		ArgsUsage: "HASH|NAME [FILE|DIRECTORY|ZIP|SU3|-]…",
		Description: "Routers are listed by their distance from the key's routing key, which is another one on each day (UTC), the\n" +
			"closest first, with how many of the leading bits they share with it. Without --any they are floodfills.\n" +
			"Without files they are those that the running router knows.",
		Flags: append(filterFlags(), cli.RouterFlags(
			cli.Checked(cli.StringFlag{Name: "date", Usage: "on the day `DATE`, such as 2025-04-01", DefaultText: "today"}, checkDay),
			cli.Int(1, 100_000, cli.IntFlag{Name: "n", Value: 10, Usage: "list `NUMBER` of them"}),
			&cli.BoolFlag{Name: "any", Usage: "routers that are no floodfills, too"},
			cli.JSONFlag(), cli.NulFlag())...),
		Action: func(c *cli.Context) error {
			now := time.Now()
			wanted, err := filters(c, now)
			if err != nil {
				return err
			}
			day := now
			if text := c.String("date"); text != "" {
				if day, err = time.Parse(time.DateOnly, text); err != nil {
					return err
				}
			}
			args := c.Args().Slice()
			name, err := cli.ParseName(args[0])
			if err != nil {
				return err
			}
			if name.Kind == i2p.NameHost {
				if name, err = ofHost(c, name); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
			}
			hash, _, err := cli.EntryOf(name, day)
			if err != nil {
				return err
			}
			near := nearest{key: netdb.RoutingKey(hash, day), most: c.Int("n")}
			err = routers(c.Context, c, args[1:], func(ri *routerinfo.RouterInfo) {
				if (c.Bool("any") || ri.IsFloodfill()) && wanted(ri) {
					near.add(ri)
				}
			})
			if err != nil && (c.Context.Err() != nil || len(near.list) == 0) {
				return err
			}
			if printErr := near.print(c); printErr != nil {
				return printErr
			}
			return err
		},
	}
}

// ofHost asks the running router for what a host name stands for.
func ofHost(c *cli.Context, n i2p.Name) (i2p.Name, error) {
	router, err := cli.Router(c)
	if err != nil {
		return n, err
	}
	n, _, err = cli.OfHost(c.Context, router, n)
	return n, err
}

func checkDay(text string) error {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return fmt.Errorf("%q is no day such as 2025-04-01", text)
	}
	return nil
}

// nearest keeps the routers that are closest to a routing key.
type nearest struct {
	key  i2p.Hash
	most int
	list []*routerinfo.RouterInfo
}

// add keeps a router where it is closer than the last of them. What is known twice is listed once.
func (n *nearest) add(ri *routerinfo.RouterInfo) {
	at, known := slices.BinarySearchFunc(n.list, ri, func(a, b *routerinfo.RouterInfo) int {
		x, y := n.distance(a), n.distance(b)
		return bytes.Compare(x[:], y[:])
	})
	switch {
	case known:
		if n.list[at].Published() < ri.Published() {
			n.list[at] = ri
		}
	case at < n.most:
		n.list = slices.Insert(n.list, at, ri)
		n.list = n.list[:min(len(n.list), n.most)]
	}
}

// distance is that of Kademlia, by exclusive or.
func (n *nearest) distance(ri *routerinfo.RouterInfo) i2p.Hash {
	d := ri.Hash()
	for i := range d {
		d[i] ^= n.key[i]
	}
	return d
}

// near is one of the closest, as JSON.
type near struct {
	RoutingKey string `json:"routing_key"`
	SharedBits int    `json:"shared_bits"`
	record.Router
}

func (n *nearest) print(c *cli.Context) error {
	var found []near
	for _, ri := range n.list {
		found = append(found, near{n.key.String(), netdb.SharedBits(n.key, ri.Hash()), record.OfRouter(ri, false)})
	}
	switch {
	case c.Bool("json"):
		for _, f := range found {
			if err := cli.PrintJSON(f); err != nil {
				return err
			}
		}
		return nil
	case c.Bool("0"):
		for _, f := range found {
			if _, err := fmt.Fprintf(os.Stdout, "%s\x00", f.Hash); err != nil {
				return err
			}
		}
		return nil
	}
	t := cli.NewTable(os.Stdout)
	t.Row("HASH", "BITS", "CAPS", "VERSION", "PUBLISHED")
	for _, f := range found {
		t.Row(f.Hash, f.SharedBits, f.Caps, f.Version, f.Published.UTC().Format("2006-01-02T15:04Z"))
	}
	return t.Flush()
}
