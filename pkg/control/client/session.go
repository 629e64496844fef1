package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"i2ptoolkit/pkg/control"
)

// Session is a local destination in the router. It lives until Close, or until this
// program ends.
type Session struct {
	ID          string
	Destination string // I2P base64
	B32         string

	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	body   io.Closer
	ready  chan struct{} // closed when tunnels stand and the lease set is published
	done   chan struct{} // closed when the session has ended

	mu      sync.Mutex
	err     error            // why it ended
	streams map[uint64]*fate // those of which something is awaited, or was told
}

// fate is what the session tells of a stream, whoever asks first.
type fate struct {
	end       chan struct{}             // closed when the peer's writing has ended in order
	result    chan control.SessionEvent // how it ended
	abandoned bool                      // it was closed before that was known
}

// Open makes a local destination. It returns as soon as the destination has a name; Ready
// waits for its tunnels.
func (c *Client) Open(ctx context.Context, req control.Open) (*Session, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel) // ctx bounds the opening only
	resp, err := c.do(life, http.MethodPost, "/v1/sessions", req)
	if err != nil {
		cancel()
		return nil, errors.Join(ctx.Err(), err)
	}
	s := &Session{
		client: c, ctx: life, cancel: cancel, body: resp.Body,
		ready: make(chan struct{}), done: make(chan struct{}),
		streams: make(map[uint64]*fate),
	}
	events := json.NewDecoder(resp.Body)
	var first control.SessionEvent
	if err := events.Decode(&first); err != nil || first.Event != control.SessionOpened || !stop() {
		cancel()
		resp.Body.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			err = errors.New("it answers something else")
		}
		return nil, fmt.Errorf("%w: the session did not open: %w", ErrNoRouter, err)
	}
	s.ID, s.Destination, s.B32 = first.ID, first.Destination, first.B32
	go s.follow(events)
	return s, nil
}

// follow reads the session's events until it ends.
func (s *Session) follow(events *json.Decoder) {
	defer close(s.done)
	ready := false
	for {
		var e control.SessionEvent
		if err := events.Decode(&e); err != nil {
			s.end(broken(s.ctx, err))
			return
		}
		switch e.Event {
		case control.SessionReady:
			if !ready {
				ready = true
				close(s.ready)
			}
		case control.SessionEnd:
			s.ended(e.Stream)
		case control.SessionStream:
			s.deliver(e)
		case control.SessionClosed:
			s.end(control.Errorf(control.Stopping, "the router closed the destination"))
			return
		}
	}
}

func (s *Session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// fate is that of a stream.
func (s *Session) fate(stream uint64) *fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fateLocked(stream)
}

func (s *Session) fateLocked(stream uint64) *fate {
	f := s.streams[stream]
	if f == nil {
		f = &fate{end: make(chan struct{}), result: make(chan control.SessionEvent, 1)}
		s.streams[stream] = f
	}
	return f
}

// ended lets a stream's PeerEnded return.
func (s *Session) ended(stream uint64) {
	f := s.fate(stream)
	select {
	case <-f.end: // a direction ends once
	default:
		close(f.end)
	}
}

// deliver leaves a stream's fate for its Result, unless the stream was closed without
// asking.
func (s *Session) deliver(e control.SessionEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fateLocked(e.Stream)
	if f.abandoned {
		delete(s.streams, e.Stream)
		return
	}
	select {
	case f.result <- e:
	default: // a stream has one fate
	}
}

// forget is called when a stream is closed: its fate was told, or nobody will ask for it.
func (s *Session) forget(stream uint64, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fateLocked(stream)
	f.abandoned = !told && len(f.result) == 0
	if !f.abandoned {
		delete(s.streams, stream)
	}
}

// Ready waits until tunnels stand both ways and the lease set is published.
func (s *Session) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when the session has ended, by Close or by the router.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is why the session ended; it makes sense after Done.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the destination, with all its streams.
func (s *Session) Close() error {
	s.cancel()
	s.body.Close()
	<-s.done
	return nil
}

// Connect opens a stream to a destination.
func (s *Session) Connect(ctx context.Context, req control.Connect) (*Stream, error) {
	return s.stream(ctx, "connect", req)
}

// Accept waits for a stream to one of the ports that the session listens on.
func (s *Session) Accept(ctx context.Context, req control.Accept) (*Stream, error) {
	return s.stream(ctx, "accept", req)
}

// Ping has a destination echo, once.
func (s *Session) Ping(ctx context.Context, req control.Ping) (control.Pong, error) {
	return ask[control.Pong](ctx, s.client, http.MethodPost, "/v1/sessions/"+s.ID+"/ping", req)
}

// Rekey has the destination go on with other keys of its own.
func (s *Session) Rekey(ctx context.Context, key []byte) error {
	_, err := ask[struct{}](ctx, s.client, http.MethodPost, "/v1/sessions/"+s.ID+"/key", control.Rekey{Key: key})
	return err
}

// stream has a request become a stream.
func (s *Session) stream(ctx context.Context, verb string, body any) (*Stream, error) {
	up, err := s.upgrade(ctx, verb, control.UpgradeProtocol, body)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(up.header.Get(control.HeaderStream), 10, 64)
	if err != nil {
		up.conn.Close()
		return nil, control.Errorf(control.Internal, "the router's answer names no stream")
	}
	return &Stream{
		UnixConn: up.conn, Remote: up.header.Get(control.HeaderDestination),
		HalfCloses: up.header.Get(control.HeaderHalfCloses) == "true", Encryption: up.header.Get(control.HeaderEncryption),
		early: up.early, id: id, session: s,
	}, nil
}

// upgraded is a connection that has become what its request asked for.
type upgraded struct {
	conn   *net.UnixConn
	early  *bufio.Reader // of conn, with what came together with the header
	header http.Header
}

// upgrade sends a request on a connection of its own, which then is something else.
func (s *Session) upgrade(ctx context.Context, verb, protocol string, body any) (upgraded, error) {
	conn, err := s.client.dial(ctx)
	if err != nil {
		return upgraded{}, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	up, err := s.handshake(ctx, conn, verb, protocol, body)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return upgraded{}, ctx.Err()
		}
		return upgraded{}, err
	}
	return up, nil
}

func (s *Session) handshake(ctx context.Context, conn *net.UnixConn, verb, protocol string, body any) (upgraded, error) {
	req, err := newRequest(ctx, http.MethodPost, "/v1/sessions/"+s.ID+"/"+verb, body)
	if err != nil {
		return upgraded{}, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", protocol)
	if err := req.Write(conn); err != nil {
		return upgraded{}, broken(ctx, err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return upgraded{}, broken(ctx, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return upgraded{}, failure(resp)
	}
	return upgraded{conn, r, resp.Header}, nil
}

// Stream is one stream, as raw bytes on a connection of its own. Its end is to be asked
// for by Result: on the connection a stream that broke looks like one that ended.
type Stream struct {
	*net.UnixConn
	Remote string // the peer's destination, I2P base64
	// HalfCloses tells that the peer, which was dialled, is known to go on sending after a
	// CloseWrite. Others may end both directions then.
	HalfCloses bool
	Encryption string // the type of key by which it is encrypted; empty: not known

	told    bool          // Result knew
	early   *bufio.Reader // what came together with the answer's header
	id      uint64
	session *Session
}

// Read reads what the peer sent.
func (st *Stream) Read(p []byte) (int, error) {
	if st.early.Buffered() > 0 {
		return st.early.Read(p)
	}
	return st.UnixConn.Read(p)
}

// CloseWrite ends the writing: the peer reads an end once it has read everything. Without
// it, a closed connection breaks the stream off.
func (st *Stream) CloseWrite() error {
	path := fmt.Sprintf("/v1/sessions/%s/streams/%d/end", st.session.ID, st.id)
	if _, err := ask[struct{}](st.session.ctx, st.session.client, http.MethodPost, path, struct{}{}); err != nil {
		return err
	}
	return st.UnixConn.CloseWrite()
}

// BreakOff ends the writing as a process does that is killed: the peer reads what was written,
// and then that the stream broke off. Result waits for that.
func (st *Stream) BreakOff() error { return st.UnixConn.CloseWrite() }

// WriteTo writes what the peer sends to w until its end.
func (st *Stream) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{st})
}

// PeerHasEnded tells whether the peer's writing is known to have ended in order: what is not read
// of it yet is on the connection.
func (st *Stream) PeerHasEnded() bool { return st.session.fate(st.id).ended() }

func (f *fate) ended() bool {
	select {
	case <-f.end:
		return true
	default:
		return false
	}
}

// PeerEnded tells an end that was read from a stream that broke: it returns nil once the peer's
// writing is known to have ended in order, and else why the stream ended.
func (st *Stream) PeerEnded(ctx context.Context) error {
	f := st.session.fate(st.id)
	select {
	case <-f.end:
		return nil
	case e := <-f.result:
		f.result <- e // Result's
		if e.Error == nil || f.ended() {
			return nil
		}
		return e.Error
	case <-ctx.Done():
		return ctx.Err()
	case <-st.session.done:
	}
	if f.ended() {
		return nil
	}
	return st.session.Err()
}

// Result waits until both directions have ended and the peer has acknowledged everything,
// and returns the byte counts, or the *control.Error with which the stream broke. The
// stream must stay open meanwhile.
func (st *Stream) Result(ctx context.Context) (control.SessionEvent, error) {
	ch := st.session.fate(st.id).result
	select {
	case e := <-ch:
		return st.outcome(e)
	case <-ctx.Done():
		return control.SessionEvent{}, ctx.Err()
	case <-st.session.done:
	}
	select {
	case e := <-ch: // it came just before the session's end
		return st.outcome(e)
	default:
		return control.SessionEvent{}, st.session.Err()
	}
}

func (st *Stream) outcome(e control.SessionEvent) (control.SessionEvent, error) {
	st.told = true
	if e.Error != nil {
		return e, e.Error
	}
	return e, nil
}

// Close closes the connection. Before both directions have ended it breaks the stream off.
func (st *Stream) Close() error {
	st.session.forget(st.id, st.told)
	return st.UnixConn.Close()
}
