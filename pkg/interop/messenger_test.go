//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// messenger is a program that talks with a friend over SAM, as messengers do: four ACCEPTs wait at once for whoever comes, it asks
// its friend by name every half second, by a stream of its own each time and by a datagram, whatever became of those before;
// and it comes back with its keys in a loop when a session ends or its router is gone.
type messenger struct {
	at      doorAt
	friend  string            // with .i2p behind it the name of the friend's streams, with -datagrams.i2p that of its datagrams
	options map[string]string // of its sessions

	mu       sync.Mutex
	keys     map[string]string // what SESSION STATUS says, by style
	own      map[string]string // destinations, by style
	stood    []time.Time       // when its sessions were there
	answered map[string][]exchanged
	failed   map[string]int // streams that were none, by what was told
}

// exchanged is a question and its answer.
type exchanged struct{ asked, answered time.Time }

func newMessenger(at doorAt, friend string, options map[string]string) *messenger {
	return &messenger{
		at: at, friend: friend, options: options,
		keys: map[string]string{}, own: map[string]string{}, answered: map[string][]exchanged{}, failed: map[string]int{},
	}
}

// run starts it; end is what happens to its connections at a kill -9 of it.
func (m *messenger) run(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := m.live(ctx); err != nil {
				m.fails("session", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// live has a session of each style until one of them ends.
func (m *messenger) live(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type opened struct {
		s   *SAMSession
		err error
	}
	streams := make(chan opened)
	go func() {
		s, err := m.create(ctx, "STREAM")
		streams <- opened{s, err}
	}()
	d, err := m.create(ctx, "DATAGRAM")
	if err == nil {
		defer d.Close()
	}
	first := <-streams
	if first.err == nil {
		defer first.s.Close()
	}
	if err := errors.Join(err, first.err); err != nil {
		return err
	}
	m.mu.Lock()
	m.stood = append(m.stood, time.Now())
	m.mu.Unlock()

	s, datagrams := first.s, &SAMDatagrams{d, "DATAGRAM"}
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range 4 {
		all.Go(func() { m.accepts(ctx, s) })
	}
	all.Go(func() {
		defer cancel()
		m.hears(ctx, datagrams)
	})
	all.Go(func() { // the connection of a session is told nothing: what is read of it is its end
		defer cancel()
		defer context.AfterFunc(ctx, func() { s.Close() })()
		s.control.Read(make([]byte, 1))
	})
	m.asks(ctx, s, datagrams)
	return nil
}

// create opens a session, with the keys that it had.
func (m *messenger) create(ctx context.Context, style string) (*SAMSession, error) {
	c, err := dialSAM(ctx, m.at.ns, m.at.addr)
	if err != nil {
		return nil, err
	}
	s := &SAMSession{ns: m.at.ns, addr: m.at.addr, id: fmt.Sprintf("m%d", samID.Add(1)), control: c}
	m.mu.Lock()
	keys := m.keys[style]
	m.mu.Unlock()
	if keys == "" {
		keys = "TRANSIENT SIGNATURE_TYPE=EdDSA_SHA512_Ed25519"
	}
	line := "SESSION CREATE"
	for k, v := range m.options { // in any order
		line += " " + k + "=" + v
	}
	fields, err := c.ask(ctx, line+" ID="+s.id+" DESTINATION="+keys+" STYLE="+style)
	if err == nil {
		s.Destination, err = s.lookup(ctx, c, "ME")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if had := m.own[style]; err == nil && had != "" && had != s.Destination {
		err = errors.New("its keys make another destination")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	m.keys[style], m.own[style] = fields["DESTINATION"], s.Destination
	return s, nil
}

// accepts echoes a line of each stream that comes.
func (m *messenger) accepts(ctx context.Context, s *SAMSession) {
	for ctx.Err() == nil {
		c, err := s.Accept(ctx, nil)
		if err != nil {
			select { // the session is gone, and will be seen to be
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if line, err := c.r.ReadString('\n'); err == nil {
			io.WriteString(c, line)
		}
		stop()
		c.Close()
	}
}

// hears answers datagrams, and notes answers.
func (m *messenger) hears(ctx context.Context, s *SAMDatagrams) {
	for {
		from, text, err := s.Receive(ctx)
		if err != nil {
			return
		}
		if question, is := strings.CutPrefix(text, "? "); is {
			s.Send(from, "! "+question)
		} else if at, is := strings.CutPrefix(text, "! "); is {
			if asked, err := time.Parse(time.RFC3339Nano, at); err == nil {
				m.hasAnswer("datagram", asked)
			}
		}
	}
}

// asks asks the friend every half second, once there is one.
func (m *messenger) asks(ctx context.Context, s *SAMSession, datagrams *SAMDatagrams) {
	var under sync.WaitGroup
	defer under.Wait()
	ticks := time.NewTicker(500 * time.Millisecond)
	defer ticks.Stop()
	room := make(chan struct{}, 32)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		datagrams.Send(m.friend+"-datagrams.i2p", "? "+time.Now().UTC().Format(time.RFC3339Nano))
		select {
		case room <- struct{}{}:
		default:
			m.fails("stream", errors.New("32 wait"))
			continue
		}
		under.Go(func() {
			asked := time.Now()
			err := m.question(ctx, s)
			<-room
			if err == nil {
				m.hasAnswer("stream", asked)
			} else if ctx.Err() == nil {
				m.fails("stream", err)
			}
		})
	}
}

// question asks by a stream.
func (m *messenger) question(ctx context.Context, s *SAMSession) error {
	c, err := s.Connect(ctx, m.friend+".i2p")
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	text := fmt.Sprintln("there?", time.Now().UnixNano())
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	line, err := c.r.ReadString('\n')
	if err == nil && line != text {
		err = fmt.Errorf("%q came back as %q", text, line)
	}
	return err
}

func (m *messenger) hasAnswer(how string, asked time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered[how] = append(m.answered[how], exchanged{asked, time.Now()})
}

func (m *messenger) fails(how string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := err.Error()
	if i := strings.Index(text, "RESULT="); i >= 0 {
		text, _, _ = strings.Cut(text[i:], " ")
	}
	m.failed[how+": "+text]++
}

// firstAfter is the first answer to a question of after then.
func (m *messenger) firstAfter(how string, then time.Time) (first time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.answered[how] {
		if e.asked.After(then) && (first.IsZero() || e.answered.Before(first)) {
			first = e.answered
		}
	}
	return first
}

// failures are those since the last time, and are counted anew.
func (m *messenger) failures() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	had := m.failed
	m.failed = map[string]int{}
	return had
}
