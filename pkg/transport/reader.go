package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// The sizes of the read buffer: it starts small, grows when reads fill it or a
// frame needs it, and shrinks when nothing has come for a while.
const (
	smallRead = 4 << 10
	largeRead = 64 << 10
)

// readIdle is how often a silent reader looks after itself.
const readIdle = 40 * time.Second

// infoPause is the least time between two RouterInfos of one peer that are
// verified.
const infoPause = 5 * time.Second

// read is the session's reader: large reads, and all whole frames of each.
func (s *session) read(rest []byte) {
	defer s.signal()
	in := make([]byte, max(smallRead, len(rest)))
	lo, hi := 0, copy(in, rest)
	armed := time.Time{}
	acknowledge := acknowledger(s.conn)
	lastRead := time.Now()
	frameAt := lastRead // when the frame at hand began
	for {
		for {
			payload, used, err := s.recv.Open(in[lo:hi])
			if err != nil {
				s.refuseFrame(err)
				return
			}
			if used == 0 {
				break
			}
			lo += used
			frameAt = lastRead
			s.frames.Store(s.recv.Frames())
			if err := s.blocks(payload); err != nil {
				s.end(err)
				return
			}
		}
		in, lo, hi = room(in, lo, hi, s.recv.Need())
		// A deadline costs a timer: it is moved rarely, and looked into when it fires.
		if now := time.Now(); armed.Sub(now) < s.t.limits.FrameTimeout/2 {
			armed = now.Add(max(s.t.limits.FrameTimeout, readIdle/2))
			s.conn.SetReadDeadline(armed)
		}
		n, err := s.conn.Read(in[hi:min(len(in), hi+s.t.in.chunk)])
		if n > 0 {
			lastRead = time.Now()
			if hi == lo {
				frameAt = lastRead
			}
			hi += n
			s.bytesIn.Add(uint64(n))
			s.t.counters.bytesIn.Add(uint64(n))
			if n < smallRead { // a lone message; the next may wait for this
				acknowledge()
			}
			if s.t.in.wait(s.ctx, n) != nil {
				return
			}
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if hi > lo && time.Since(frameAt) >= s.t.limits.FrameTimeout {
				s.end(&ntcp2.TerminationError{Reason: ntcp2.ReasonReadTimeout})
				return
			}
			if hi == lo && len(in) > smallRead {
				in, lo, hi = make([]byte, smallRead), 0, 0
			}
			armed = time.Time{}
			continue
		}
		if err != nil {
			s.end(lost(err))
			return
		}
	}
}

// room makes space behind what is held: for the frame that is awaited, and for
// a good read.
func room(in []byte, lo, hi, need int) ([]byte, int, int) {
	if lo == hi {
		lo, hi = 0, 0
	}
	held := hi - lo
	size := len(in)
	if hi == size && size < largeRead { // the last read filled it
		size = min(size*4, largeRead)
	}
	size = max(size, need)
	if size > len(in) {
		grown := make([]byte, size)
		copy(grown, in[lo:hi])
		return grown, 0, held
	}
	if lo > 0 && (size-lo < need || size-hi < size/2) {
		copy(in, in[lo:hi])
		lo, hi = 0, held
	}
	return in, lo, hi
}

// refuseFrame ends the session over a frame that does not authenticate. So
// that it is no oracle, it first reads a random number of bytes for a random
// time (NTCP2, AEAD Error Handling).
func (s *session) refuseFrame(err error) {
	s.t.counters.badFrames.Add(1)
	reason := ntcp2.ReasonAEADFailure
	if errors.Is(err, ntcp2.ErrFraming) {
		reason = ntcp2.ReasonFraming
	}
	until := 200*time.Millisecond + drawDuration(s.random, 2*time.Second)
	s.conn.SetReadDeadline(time.Now().Add(until))
	discard(s.conn, draw(s.random, 4<<10))
	s.end(&ntcp2.TerminationError{Reason: reason, Err: err})
}

// discard reads n bytes and forgets them, or as many as come.
func discard(conn net.Conn, n int64) {
	io.Copy(io.Discard, io.LimitReader(conn, n))
}

// blocks handles the payload of a frame, which it borrows.
func (s *session) blocks(payload []byte) *ntcp2.TerminationError {
	bs := ntcp2.Blocks{Payload: payload}
	for {
		b, ok, err := bs.Next()
		if err != nil {
			reason := ntcp2.ReasonPayload
			if errors.Is(err, ntcp2.ErrPaddingOrder) {
				reason = ntcp2.ReasonPadding
			}
			return &ntcp2.TerminationError{Reason: reason, Err: err}
		}
		if !ok {
			return nil
		}
		if b.Type == ntcp2.BlockI2NP {
			s.message(b.Data)
			continue
		}
		if end := s.otherBlock(b); end != nil {
			return end
		}
	}
}

// message delivers one I2NP message in a buffer of its own.
func (s *session) message(data []byte) {
	m, err := i2np.ParseShort(data)
	if err != nil || len(m.Body) > buf.Max {
		s.malformed.Add(1)
		s.t.counters.malformed.Add(1)
		return
	}
	s.used()
	s.msgsIn.Add(1)
	s.t.counters.msgsIn.Add(1)
	s.t.cfg.Deliver(s.peer.hash, m.Own())
}

func (s *session) otherBlock(b ntcp2.Block) *ntcp2.TerminationError {
	bad := func(err error) *ntcp2.TerminationError {
		return &ntcp2.TerminationError{Reason: ntcp2.ReasonPayload, Err: err}
	}
	switch b.Type {
	case ntcp2.BlockDateTime:
		skew, err := ntcp2.ParseDateTime(b.Data, s.t.cfg.Now().Add(-s.rtt/2))
		if err != nil {
			return bad(err)
		}
		if skew.Abs() > ntcp2.MaxSkew {
			return &ntcp2.TerminationError{Reason: ntcp2.ReasonClockSkew}
		}
	case ntcp2.BlockOptions:
		o, err := ntcp2.ParseOptions(b.Data)
		if err != nil {
			return bad(err)
		}
		o.More = nil
		s.peer.mu.Lock()
		s.options = &o
		s.peer.mu.Unlock()
		s.signal()
	case ntcp2.BlockRouterInfo:
		ri, err := ntcp2.ParseRouterInfo(b.Data)
		if err != nil {
			return bad(err)
		}
		s.peerInfo(ri)
	case ntcp2.BlockTermination:
		end, err := ntcp2.ParseTermination(b.Data)
		if err != nil {
			return bad(err)
		}
		return &ntcp2.TerminationError{Reason: end.Reason, Remote: true}
	case ntcp2.BlockPadding:
	default:
		s.ignored.Add(1) // unknown ones are treated as padding
	}
	return nil
}

// peerInfo passes on the peer's own newer RouterInfo. Verifying costs more
// than sending, so it is done rarely.
func (s *session) peerInfo(b ntcp2.RouterInfo) {
	now := time.Now()
	if s.t.cfg.PeerInfo == nil || now.Sub(s.infoAt) < infoPause {
		s.ignored.Add(1)
		return
	}
	ri, err := routerinfo.Parse(b.Info)
	if err != nil || ri.Hash() != s.peer.hash || s.info != nil && ri.Published() <= s.info.Published() {
		s.ignored.Add(1)
		return
	}
	s.infoAt = now
	if ri.Verify() != nil {
		s.malformed.Add(1)
		s.t.counters.malformed.Add(1)
		return
	}
	s.info = ri
	s.peer.mu.Lock()
	s.peer.info = ri
	s.peer.mu.Unlock()
	s.t.cfg.PeerInfo(ri, b.Flags&ntcp2.FlagFlood != 0)
}
