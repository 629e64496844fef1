package node

import (
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/router"
)

// options reads what is asked for a destination, over the settings' defaults. What has no
// effect does no harm; all else that is not taken is refused.
func (n *Node) options(named map[string]string) (options.Options, error) {
	c, base := n.cfg.Settings.Client, options.Default()
	base.Inbound.Length, base.Inbound.Quantity = c.InLength, c.InQuantity
	base.Outbound.Length, base.Outbound.Quantity = c.OutLength, c.OutQuantity
	o, problems := options.Parse(base, named)
	if err := problems.But(options.Moot).Err(); err != nil {
		return o, control.Errorf(control.BadRequest, "%v", err)
	}
	return o, nil
}

func shape(t options.Tunnels) router.Shape {
	return router.Shape{Hops: t.Length, Variance: t.Variance, Quantity: t.Quantity}
}
