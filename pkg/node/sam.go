package node

import (
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/sam"
)

// newSAM makes the server that speaks SAM, and its door.
func (n *Node) newSAM(e env.Env) error {
	n.sam = sam.New(sam.Config{
		Open: sam.OpenIn(n.Hall.Destinations), Defaults: n.Hall.Defaults, Resolve: n.names.Resolve, Rand: e.Rand, Now: n.cfg.Now, Log: n.log,
	})
	apply := func(to config.Config) { n.sam.Apply(samSettings(to)) }
	apply(n.settings.Current())
	_, err := n.newDoor("sam", n.sam.Serve, func(c config.Config) door.Settings { return c.SAM.Settings() }, apply)
	return err
}

func samSettings(c config.Config) sam.Settings {
	s := sam.Settings{AuthCommands: c.SAM.AuthCommands}
	if c.SAM.Enabled {
		s.UDP = c.SAM.UDP
	}
	return s
}
