package destinations

import (
	"context"
	"testing"
	"time"
)

// TestReturn: a service whose router was killed, and that comes back with new tunnels, is
// reached within a second of its lease set by one who had the old one, whenever that is.
func TestReturn(t *testing.T) {
	for _, after := range []time.Duration{1200 * time.Millisecond, 2600 * time.Millisecond, 4700 * time.Millisecond} {
		inNetwork(t, 9, func(t *testing.T, n *network) {
			service := open(t, n.halls[2], Request{Keys: newKeys(t, 1), Options: asked()})
			user := open(t, n.halls[4], Request{Options: asked()})
			killed := n.infos[2].Hash()
			n.dead.Store(&killed)
			dialled := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				c, err := user.Dial(ctx, service.Destination(), 7)
				if err == nil {
					c.Close()
				}
				dialled <- err
			}()
			time.Sleep(after)
			back, err := n.halls[3].Open(t.Context(), Request{Keys: newKeys(t, 1), Options: asked()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := back.Listen(7); err != nil {
				t.Fatal(err)
			}
			if err := back.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			ready := time.Now()
			err = <-dialled
			if took := time.Since(ready); err != nil || took > time.Second {
				t.Errorf("back after %v: reached %v later, %v", after, took, err)
			}
		})
	}
}
