package sockets

import (
	"sync"
	"time"
)

// deadlines are those of a net.Conn or a net.PacketConn.
type deadlines struct{ reading, writing deadline }

func makeDeadlines() deadlines { return deadlines{makeDeadline(), makeDeadline()} }

// SetDeadline sets both deadlines.
func (d *deadlines) SetDeadline(t time.Time) error {
	d.reading.set(t)
	d.writing.set(t)
	return nil
}

// SetReadDeadline sets the time when reading gives up.
func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.reading.set(t)
	return nil
}

// SetWriteDeadline sets the time when writing gives up.
func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.writing.set(t)
	return nil
}

// deadline closes a channel at a time that can be moved.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{}
}

func makeDeadline() deadline { return deadline{expired: make(chan struct{})} }

// set moves the deadline; the zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		select {
		case <-d.expired:
		default: // it fires just now: let it close the old channel
			d.expired = make(chan struct{})
		}
	}
	d.timer = nil
	over := false
	select {
	case <-d.expired:
		over = true
	default:
	}
	if t.IsZero() {
		if over {
			d.expired = make(chan struct{})
		}
		return
	}
	if wait := time.Until(t); wait > 0 {
		if over {
			d.expired = make(chan struct{})
		}
		ch := d.expired
		d.timer = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			select {
			case <-ch:
			default:
				close(ch)
			}
		})
		return
	}
	if !over {
		close(d.expired)
	}
}

// wait is closed once the deadline has passed.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expired
}
