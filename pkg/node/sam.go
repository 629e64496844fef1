package node

import (
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/sam"
)

// newSAM makes the server that speaks SAM. It is shut until the settings say otherwise.
func (n *Node) newSAM(e env.Env) error {
	n.sam = sam.New(sam.Config{
		Open: sam.OpenIn(n.Hall.Destinations), Defaults: n.Hall.Defaults, Resolve: n.names.Resolve, Rand: e.Rand,
		Door: door.Config{Name: "sam", Log: n.log, Now: n.cfg.Now, Files: n.doorKeeper()},
	})
	n.doors = append(n.doors, n.sam.Door())
	return n.sam.Apply(samSettings(n.settings.Current()))
}

func samSettings(s config.Config) sam.Settings {
	return sam.Settings{Settings: s.SAM.Door(), UDP: s.SAM.UDP, AuthCommands: s.SAM.AuthCommands}
}

// samPart has changed settings of SAM hold.
func (n *Node) samPart() reload.Part {
	return reload.Always("sam.*", func(to config.Config) {
		if err := n.sam.Apply(samSettings(to)); err != nil {
			n.log.Error("SAM is as it was", "error", err)
		}
	})
}
