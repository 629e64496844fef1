package node

import (
	"context"
	"time"

	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/metrics"
	"i2ptoolkit/pkg/reseed/join"
)

// api is what the control socket asks a router for (server.Node), each thing of
// the part that has it.
type api struct {
	*answers.Answers
	server.Hall
	*logbook
	*stopping
	reloader *reload.Reloader
	again    func() (failed map[string]string, err error) // has the forwards be what their file says now
	joiner   *join.Joiner
	doors    []*door.Door
	ready    <-chan struct{}          // closed once others can reach us
	tunnels  <-chan struct{}          // closed once there are some
	metrics  func() *metrics.Registry // made when somebody asks for the first time
}

// Wait returns once a state stands.
func (a *api) Wait(ctx context.Context, state string) error {
	var stands <-chan struct{}
	switch state {
	case control.WaitReady:
		stands = a.ready
	case control.WaitTunnels:
		stands = a.tunnels
	default:
		return control.Errorf(control.BadRequest, "%q is no state to wait for, %s and %s are", state, control.WaitReady, control.WaitTunnels)
	}
	select {
	case <-stands:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Reload makes the settings hold that are to be read now, though whoever asks goes away meanwhile.
func (a *api) Reload(context.Context) (control.Reloaded, error) {
	done, err := a.reloader.Reload()
	if err == nil {
		done.Failed, err = a.again()
		done.Shut = a.shut()
	}
	return done, err
}

// doorsSettle is how long a reload waits to tell of doors that cannot be opened.
const doorsSettle = 2 * time.Second

// shut are the doors that are not open where they are to be.
func (a *api) shut() map[string]string {
	ctx, cancel := context.WithTimeout(context.Background(), doorsSettle)
	defer cancel()
	shut := make(map[string]string)
	for _, d := range a.doors {
		d.Settled(ctx)
		if s := d.Status(); s.Error != "" {
			shut[s.Name] = s.Error
		}
	}
	return shut
}

// Reseed asks for RouterInfos now: from servers and absolute paths, or as the settings have it.
func (a *api) Reseed(ctx context.Context, from []string) (control.Reseed, error) {
	return a.joiner.Now(ctx, from)
}

// Doors are the servers for applications, and who is connected.
func (a *api) Doors() []control.Door { return statuses(a.doors) }

func statuses(doors []*door.Door) (all []control.Door) {
	for _, d := range doors {
		all = append(all, d.Status())
	}
	return all
}

// Metrics are all that the router counts, in the Prometheus text format.
func (a *api) Metrics() []byte { return a.metrics().Text() }
