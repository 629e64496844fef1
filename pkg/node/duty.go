package node

import (
	"context"
	"sync"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/presence"
)

// duty is whether the router is a floodfill: as the settings have it, or as it finds itself
// able. The zero value has found nothing yet.
type duty struct {
	mu     sync.Mutex // a leaf
	serve  bool
	reason string
}

// serves tells whether a router with these settings is a floodfill now.
func (d *duty) serves(s config.Config) bool {
	serves, _ := d.tell(s)
	return serves
}

// tell is serves with the reason.
func (d *duty) tell(s config.Config) (serves bool, why string) {
	switch {
	case s.Floodfill:
		return true, "the settings say so"
	case !s.FloodfillAuto:
		return false, "the settings do not say so"
	case s.Hidden:
		return false, "a hidden router cannot be one"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reason == "" {
		return false, "the router has not looked yet whether it can"
	}
	return d.serve, d.reason
}

func (d *duty) found(v *presence.Volunteer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serve, d.reason = v.Serves(), v.Why()
}

// volunteer looks again and again whether the router can be a floodfill, and has it begin
// and end to be one where the settings leave that to it.
func (n *Node) volunteer(ctx context.Context) error {
	var v presence.Volunteer
	started := n.cfg.Now()
	tick := time.NewTicker(presence.JudgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		changed := v.Judge(n.cfg.Now(), n.capacity(started))
		n.announcer.duty.found(&v)
		if s := n.settings.Current(); !changed || !s.FloodfillAuto || s.Floodfill || s.Hidden {
			continue
		}
		n.log.Info("floodfill", "serves", v.Serves(), "reason", v.Why())
		n.events.Publish(control.Event{Event: "floodfill_changed", Detail: v.Why()})
		n.serve()
		n.announcer.publish()
	}
}

// serve has the netDb serve or not, as it is at that moment: of two changes that come together the last says it.
func (n *Node) serve() {
	n.router.Knowledge().Serve(func() bool { return n.announcer.duty.serves(n.settings.Current()) })
}

// capacity is what the router has to give now. How long its loop takes to answer is how long
// what comes from others waits for it.
func (n *Node) capacity(started time.Time) presence.Capacity {
	asked := n.cfg.Now()
	c, t := n.router.Numbers(), n.transport.Stats()
	now := n.cfg.Now()
	return presence.Capacity{
		Up: now.Sub(started), Lag: now.Sub(asked), Class: n.announcer.presence.Class(),
		Address: len(n.announcer.published()) > 0, Accepted: t.Accepted, Sessions: t.Sessions,
		Routers: c.DB.Routers, Floodfills: c.DB.Floodfills, Tunnels: c.Transit,
	}
}
