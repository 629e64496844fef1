//go:build linux

package wan

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// hub carries packets between the TUN devices of all hosts. One thread owns
// everything in it; others hand it work with do.
type hub struct {
	model
	start   time.Time
	work    chan func()
	wake    int // an eventfd
	stopped chan struct{}
	late    Lateness
}

// Lateness tells how punctual the hub was: what it measures on a machine that
// was too busy for it is worth nothing.
type Lateness struct {
	Packets       uint64
	Sum, Max      time.Duration // of deliveries, against their plan
	Over5, Over50 uint64        // how many were more than 5 ms, and more than 50 ms late
}

// Mean is that of all deliveries.
func (l Lateness) Mean() time.Duration { return l.Sum / time.Duration(max(1, l.Packets)) }

func (l *Lateness) note(late time.Duration) {
	l.Packets++
	l.Sum, l.Max = l.Sum+late, max(l.Max, late)
	if late > 5*time.Millisecond {
		l.Over5++
	}
	if late > 50*time.Millisecond {
		l.Over50++
	}
}

// readBatch is how many packets are taken from one device before it is looked for what is due.
const readBatch = 64

func newHub() (*hub, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return &hub{model: newModel(), start: time.Now(), work: make(chan func(), 1), wake: fd, stopped: make(chan struct{})}, err
}

// do runs f on the hub's thread, and waits for it; not once the hub has stopped.
func (h *hub) do(f func()) {
	done := make(chan struct{})
	select {
	case h.work <- func() { f(); close(done) }:
		unix.Write(h.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		select {
		case <-done:
		case <-h.stopped:
		}
	case <-h.stopped:
	}
}

// run carries packets until ctx ends. Its thread is the only one that touches
// the hub, and waits in ppoll: Go's own timers are no finer than a
// millisecond where they share epoll.
func (h *hub) run(ctx context.Context) error {
	defer close(h.stopped)
	runtime.LockOSThread() // never unlocked: the thread has a priority of its own and ends with the goroutine
	defer urgent()()
	stop := context.AfterFunc(ctx, func() { h.do(func() {}) })
	defer stop()
	buf := make([]byte, bufferSize)
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(h.wake), Events: unix.POLLIN}}
		var polled []*device
		for _, id := range slices.Sorted(maps.Keys(h.devices)) {
			polled = append(polled, h.devices[id])
			fds = append(fds, unix.PollFd{Fd: int32(h.devices[id].fd), Events: unix.POLLIN})
		}
		for changed := false; !changed; {
			wait := h.deliver()
			if _, err := unix.Ppoll(fds, wait, nil); err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
			for i, d := range polled {
				if fds[1+i].Revents != 0 {
					if err := h.read(d, buf); err != nil {
						return err
					}
				}
			}
			if fds[0].Revents != 0 {
				unix.Read(h.wake, buf[:8])
				for len(h.work) > 0 {
					(<-h.work)()
				}
				changed = true
			}
		}
	}
	return nil
}

// urgent lets the thread run before all others: a packet is to be on time
// on a busy machine too. Without the right to do so it stays as it is. Nor may
// it wait for Go's other threads, which are not urgent: there are more Ps than they
// can hold, and no garbage collector as long as there is little garbage. The result
// undoes what is of the whole process.
func urgent() (undo func()) {
	processors := runtime.GOMAXPROCS(16)
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(1 << 29)
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
	return func() {
		runtime.GOMAXPROCS(processors)
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

func (h *hub) now() time.Duration { return time.Since(h.start) }

// read takes what a device has, but no more than a batch.
func (h *hub) read(from *device, buf []byte) error {
	for range readBatch {
		n, err := unix.Read(from.fd, buf)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return nil
		}
		if err != nil {
			return err
		}
		h.enter(h.now(), from, buf[:n])
	}
	return nil
}

// deliver moves on what is due, and says how long nothing else will be; nil is for ever.
func (h *hub) deliver() *unix.Timespec {
	for {
		now := h.now()
		p, due := h.next(now)
		if due {
			h.late.note(now - p.at)
			unix.Write(p.to.fd, p.data) // a device that is down, or full, drops it
			h.put(p.data)
			continue
		}
		if len(h.events) == 0 {
			return nil
		}
		t := unix.NsecToTimespec(int64(max(0, h.events[0].at-h.now())))
		return &t
	}
}
