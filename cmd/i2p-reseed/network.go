package main

import (
	"context"
	"path/filepath"
	"strconv"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// nameSource wants exactly one of --netdb and --router, and takes from the router which network it is in, where the
// flags do not say that.
func nameSource(c *cli.Context) error {
	path := c.String("netdb")
	if (path != "") == c.Bool("router") {
		return cli.Usagef("%s: name what to take RouterInfos from: --netdb DIR or --router", c.Command.Name)
	}
	var id int
	if path != "" {
		id = networkBeside(c.Context, path)
	} else {
		router, err := cli.Router(c)
		if err != nil {
			return err
		}
		defer router.Close()
		st, err := router.Status(c.Context)
		if err != nil {
			return err
		}
		id = st.NetID
		if st.Testnet && !c.IsSet("testnet") {
			if err := c.Set("testnet", "true"); err != nil {
				return err
			}
		}
	}
	if c.IsSet("netid") || id < 1 || id > maxNetID {
		return nil
	}
	return c.Set("netid", strconv.Itoa(id))
}

// networkBeside is the network of the router whose netDb is in a directory: it keeps its own RouterInfo beside it, as Java I2P
// and i2pd do. 0: there is none, or it cannot be read.
func networkBeside(ctx context.Context, netDB string) (id int) {
	own := filepath.Join(filepath.Dir(filepath.Clean(netDB)), "router.info")
	netdbdir.Load(ctx, own, netdbdir.LoadConfig{}, func(ri *routerinfo.RouterInfo) { id = ri.NetID() })
	return id
}
