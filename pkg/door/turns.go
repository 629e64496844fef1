package door

import "runtime"

// Turns have what programs ask for computed for one of them at a time, in the order in which they ask, and after what
// else there is to do. Go's scheduler gives each goroutine that always has something to do its 10 ms before it comes back
// to another: with a hundred connections that say line after line, each message that two goroutines of the router hand on
// would wait for a second.
type Turns chan struct{}

// NewTurns are those of one router, for all of its doors.
func NewTurns() Turns { return make(Turns, 1) }

// Work has f run when it is the connection's turn. f computes, and waits for nothing.
func (c *Client) Work(f func()) {
	runtime.Gosched() // who waits for nothing now goes first; the turn is not held meanwhile
	turns := c.door.cfg.Turns
	turns <- struct{}{}
	defer func() { <-turns }()
	f()
}
