package door

import (
	"container/list"
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
)

// Client is one connection. It is closed when its context ends, and that ends with Serve.
type Client struct {
	net.Conn
	door   *Door
	host   string // of another machine
	since  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	leave  context.CancelFunc // the same, not waiting until it is closed: TLS says farewell, which may take long
	place  *list.Element      // in the door's queue of the silent or of the idle; the door's lock guards it

	// The door's lock guards these.
	user     string
	unasked  bool // let in while no user was needed
	greeted  bool
	doing    string
	sessions []control.DoorSession

	mu   sync.Mutex // a leaf
	held int
}

func newClient(ctx context.Context, d *Door, conn net.Conn, host string) *Client {
	c := &Client{Conn: conn, door: d, host: host, since: d.cfg.Now()}
	ctx, cancel := context.WithCancel(ctx)
	hangUp := func() {
		// TLS says farewell, and waits with it for whoever writes just now; that may be to somebody who does not read.
		conn.SetWriteDeadline(time.Now().Add(farewell))
		conn.Close()
	}
	stop := context.AfterFunc(ctx, hangUp)
	c.ctx, c.leave = ctx, cancel
	c.cancel = func() {
		cancel()
		stop()
		hangUp()
	}
	return c
}

// farewell is how long a connection may take to close.
const farewell = time.Second

// Greeted says that the first request is whole and welcome: from now on the connection may be silent. It is told
// whether the connection is still there: one that was pushed out by others is not, nor one of nobody's where a user has
// come to be needed meanwhile, as Apply leaves those alone that are not greeted yet.
func (c *Client) Greeted() bool {
	c.SetDeadline(time.Time{})
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.greeted = true
	c.door.stir(c)
	_, is := c.door.clients[c]
	return is && !(c.unasked && c.door.users.Required())
}

// Idle says that the connection waits for the next word and would lose nothing but itself: where the door is full it may
// have to make room for another. Busy is the end of that.
func (c *Client) Idle() {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.door.stir(c)
	if _, is := c.door.clients[c]; is {
		c.door.idle.add(c)
	}
}

// Busy says that the connection does something, or has what would be lost with it.
func (c *Client) Busy() {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.door.stir(c)
}

// Silent counts a connection that is ended because its first request did not come in time.
func (c *Client) Silent() {
	c.door.count(func(s *Stats) {
		if _, is := c.door.clients[c]; is { // and was not pushed out
			s.Refused.Silent++
		}
	})
}

// Login tells whether a user says the right password. Where the door asks for none, everybody is welcome.
func (c *Client) Login(ctx context.Context, user, password string) bool {
	asked := c.door.users.Required()
	ok := c.door.users.Check(ctx, user, password)
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if c.unasked = !c.door.users.Required(); !c.unasked {
		if ok = ok && asked && c.door.users.known(user); ok { // the settings may be others by now
			c.user = user
		}
	}
	if !ok {
		c.door.counts.Refused.Unauthorized++
	}
	return ok
}

// Users are those who may come in.
func (c *Client) Users() *Users { return c.door.users }

// User is whose password was said; empty: nobody's.
func (c *Client) User() string {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	return c.user
}

// Doing says for lists what the connection is for.
func (c *Client) Doing(what string) {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.doing = what
}

// Session puts a session on the connection's list, until end is called or the connection ends.
func (c *Client) Session(s control.DoorSession) (end func()) {
	if s.Since.IsZero() {
		s.Since = c.door.cfg.Now().UTC()
	}
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.sessions = append(c.sessions, s)
	return func() {
		c.door.mu.Lock()
		defer c.door.mu.Unlock()
		c.sessions = slices.DeleteFunc(c.sessions, func(other control.DoorSession) bool { return other == s })
	}
}

// Hold takes n bytes of the memory that the connection may have the server hold. Where it has no more, what is to be
// held is to be dropped, or the connection ended.
func (c *Client) Hold(n int) bool {
	c.mu.Lock()
	ok := c.held+n <= c.door.cfg.Memory
	if ok {
		c.held += n
	}
	c.mu.Unlock()
	if !ok {
		c.door.count(func(s *Stats) { s.Refused.Memory++ })
	}
	return ok
}

// Release gives n bytes back.
func (c *Client) Release(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held -= n; c.held < 0 {
		panic("door: more memory given back than taken")
	}
}

// queue is the clients that have said nothing, the oldest first.
type queue struct{ l list.List }

func (q *queue) add(c *Client) { c.place = q.l.PushBack(c) }

// stir takes a client out of the queue in which it is, if it is in any. The caller has the lock.
func (d *Door) stir(c *Client) {
	if c.place != nil {
		d.silent.l.Remove(c.place) // of another list's element nothing comes
		d.idle.l.Remove(c.place)
		c.place = nil
	}
}

func (q *queue) first() *Client {
	if e := q.l.Front(); e != nil {
		return e.Value.(*Client)
	}
	return nil
}
