package simnet

import (
	"sync"
	"time"
)

// deadline wakes those who wait at cond when it passes. cond's lock guards it.
type deadline struct {
	cond  *sync.Cond
	at    time.Time
	timer *time.Timer
}

// passed says whether the deadline is set and over.
func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// reset moves the deadline; the zero time removes it.
func (d *deadline) reset(t time.Time) {
	d.stop()
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), func() {
			d.cond.L.Lock()
			defer d.cond.L.Unlock()
			d.cond.Broadcast()
		})
	}
	d.cond.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
