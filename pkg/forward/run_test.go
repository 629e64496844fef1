package forward

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
)

// unsteady are a destination's tunnels, which come and go as a test has it.
type unsteady struct {
	come, gone chan struct{}
	done       chan struct{}
	lack       atomic.Value
}

func (u *unsteady) await(ctx context.Context, c chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-u.done:
		return errors.New("it has ended")
	}
}

func (u *unsteady) Ready(ctx context.Context) error { return u.await(ctx, u.come) }
func (u *unsteady) Lost(ctx context.Context) error  { return u.await(ctx, u.gone) }
func (u *unsteady) Lack() string                    { lack, _ := u.lack.Load().(string); return lack }
func (u *unsteady) Done() <-chan struct{}           { return u.done }

// TestFollow: a forward whose tunnels go is not ready any more, says since when and why, and is ready again
// with others.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unsteady{come: make(chan struct{}), gone: make(chan struct{}), done: make(chan struct{})}
		f := newForward(New(Config{}), plan.Plan{Name: "a", Type: plan.Client}, false)
		var states []control.ForwardState
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			follow(t.Context(), u, func(s control.ForwardState, err error) {
				if states = append(states, s); len(states) > 1 && s == states[len(states)-2] {
					states = states[:len(states)-1]
				}
				f.is(s, err)
			})
		}()
		u.come <- struct{}{}
		time.Sleep(time.Hour)
		u.gone <- struct{}{}
		gone := time.Now()
		time.Sleep(10 * time.Minute)
		u.lack.Store("nobody is known")
		time.Sleep(10 * time.Minute)
		if got := f.state(); got.State != control.ForwardNoTunnels || !got.Since.Equal(gone) || got.Error != "nobody is known" {
			t.Errorf("without tunnels it is %+v", got)
		}
		u.come <- struct{}{}
		synctest.Wait()
		if got := f.state(); got.State != control.ForwardReady || got.Error != "" || !got.Since.Equal(time.Now()) {
			t.Errorf("with others it is %+v", got)
		}
		close(u.done)
		<-ended
		if want := []control.ForwardState{control.ForwardOpening, control.ForwardReady, control.ForwardNoTunnels, control.ForwardReady}; !slices.Equal(states, want) {
			t.Errorf("it was %v", states)
		}
	})
}
