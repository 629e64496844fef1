//go:build linux

package interop

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
	xk "i2ptoolkit/pkg/noise" // noise is random bytes here
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
)

// ssu2Session is a session in its data phase.
type ssu2Session struct {
	*ssu2.Established
	router   *ssu2Router
	next     uint32
	packets  int          // in which we have sent Session Confirmed
	received []ssu2.Range // the highest first
	parts    map[uint32]map[byte][]byte
	last     map[uint32]byte
}

// ssu2Arrival is a block that came in a session.
type ssu2Arrival struct {
	session *ssu2Session
	block   ssu2.Block
}

// send seals a packet with these blocks.
func (s *ssu2Session) send(payload []byte) {
	if len(payload) < ssu2.MinPayload {
		payload = ssu2.AppendPadding(payload, ssu2.MinPayload)
	}
	packet := ssu2.ShortHeader{Dest: s.RemoteID, Number: s.next, Type: ssu2.TypeData}.AppendTo(nil)
	packet = xk.Seal(packet, &s.Send.Data, uint64(s.next), packet, payload)
	s.Send.Header.Mask(packet)
	s.frame(true, payload, packet)
	s.next++
	s.router.write(s.Path.Remote, packet)
}

// message sends an I2NP message, which must fit a packet.
func (s *ssu2Session) message(m i2np.Message) {
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	s.send(ssu2.AppendI2NP(nil, m.AppendShort(nil)))
}

// end sends a Termination, and waits until it is answered.
func (s *ssu2Session) end(ctx context.Context) error {
	s.router.mu.Lock()
	s.send(ssu2.Termination{Reason: ssu2.ReasonShutdown}.AppendTo(s.ack(nil)))
	s.router.mu.Unlock()
	return s.router.await(ctx, "the answer to the termination", func(e any) bool {
		a, ok := e.(ssu2Arrival)
		return ok && a.session == s && a.block.Type == ssu2.BlockTermination
	})
}

func (s *ssu2Session) ack(out []byte) []byte { return ssu2.AppendAck(out, s.received, 200) }

func (s *ssu2Session) handle(packet []byte) {
	header := s.Receive.Header.Unmask(packet)
	h, _, _ := ssu2.ParseShortHeader(header[:])
	if h.Type != ssu2.TypeData {
		return
	}
	payload, err := xk.Open(nil, &s.Receive.Data, uint64(h.Number), header[:], packet[ssu2.ShortHeaderLen:])
	if err != nil || !s.mark(h.Number) {
		return
	}
	s.frame(false, payload, packet)
	elicits := h.Flags[0]&ssu2.FlagImmediateAck != 0
	for bs := (ssu2.Blocks{Payload: payload}); ; {
		block, ok, err := bs.Next()
		if err != nil || !ok {
			break
		}
		elicits = elicits || block.Type.ElicitsAck()
		s.block(block)
	}
	if elicits {
		s.send(s.ack(nil))
	}
}

// mark notes a packet number; it reports false for one that was there.
func (s *ssu2Session) mark(n uint32) bool {
	for i, r := range s.received {
		switch {
		case r.Low <= n && n <= r.High:
			return false
		case n == r.High+1:
			s.received[i].High++
			return true
		case n > r.High:
			s.received = append(s.received[:i], append([]ssu2.Range{{Low: n, High: n}}, s.received[i:]...)...)
			return true
		}
	}
	s.received = append(s.received, ssu2.Range{Low: n, High: n})
	return true
}

func (s *ssu2Session) block(block ssu2.Block) {
	s.router.note(s, false, block)
	switch block.Type {
	case ssu2.BlockAck:
		s.Confirmed = nil
	case ssu2.BlockRouterInfo:
		s.router.learn(block)
	case ssu2.BlockI2NP:
		if m, err := i2np.ParseShort(block.Data); err == nil && m.Type == i2np.DatabaseStoreType {
			s.router.learn(block)
		}
	case ssu2.BlockRelayRequest:
		s.router.relayed(s.router.relay.HandleRequest(time.Now(), s.Peer.Info.Hash(), s.Path.Remote, block.Data))
	case ssu2.BlockRelayIntro:
		s.router.relayed(s.router.relay.HandleIntro(time.Now(), s.Peer.Info.Hash(), block.Data))
	case ssu2.BlockRelayResponse:
		s.router.relayed(s.router.relay.HandleResponse(time.Now(), s.Peer.Info.Hash(), block.Data))
	case ssu2.BlockPeerTest:
		s.router.tested(s.router.tests.Handle(time.Now(), s.Peer.Info.Hash(), s.Path.Remote, block.Data))
	case ssu2.BlockTermination:
		// i2pd, which has been told, keeps the session until its answer is
		// answered, and would send in it what belongs to the next one.
		s.send(ssu2.Termination{Reason: ssu2.ReasonTerminationReceived}.AppendTo(s.ack(nil)))
		delete(s.router.sessions, s.LocalID)
	case ssu2.BlockFirstFragment:
		if f, err := ssu2.ParseFirstFragment(block.Data); err == nil {
			s.fragment(f.ID(), 0, f.Data, false)
		}
		return
	case ssu2.BlockFollowOnFragment:
		if f, err := ssu2.ParseFollowOn(block.Data); err == nil {
			s.fragment(f.ID, f.Number, f.Data, f.Last)
		}
		return
	}
	block.Data = bytes.Clone(block.Data)
	select {
	case s.router.events <- ssu2Arrival{s, block}:
	default: // nobody waits for what this router gets
	}
}

// fragment joins the parts of a message.
func (s *ssu2Session) fragment(id uint32, number byte, data []byte, last bool) {
	if s.parts[id] == nil {
		s.parts[id] = map[byte][]byte{}
	}
	s.parts[id][number] = bytes.Clone(data)
	if last {
		s.last[id] = number
	}
	if n := s.last[id]; n > 0 && len(s.parts[id]) == int(n)+1 {
		var whole []byte
		for i := range n + 1 {
			whole = append(whole, s.parts[id][i]...)
		}
		delete(s.parts, id)
		s.block(ssu2.Block{Type: ssu2.BlockI2NP, Data: whole})
	}
}

// learn notes the RouterInfo of a block, or of a DatabaseStore.
func (r *ssu2Router) learn(block ssu2.Block) {
	if info := routerInfoIn(block); info != nil {
		r.known[info.Hash()] = info
	}
}

// routerInfoIn is the RouterInfo of a block, or of a DatabaseStore in one; nil
// for none.
func routerInfoIn(block ssu2.Block) *routerinfo.RouterInfo {
	var raw []byte
	switch block.Type {
	case ssu2.BlockRouterInfo:
		if b, err := ssu2.ParseRouterInfo(block.Data); err == nil {
			raw, _ = b.Decompress()
		}
	case ssu2.BlockI2NP:
		if m, err := i2np.ParseShort(block.Data); err == nil && m.Type == i2np.DatabaseStoreType {
			if store, err := i2np.ParseDatabaseStore(m.Body); err == nil && store.Type == i2np.StoreRouterInfo {
				raw, _ = i2np.DecompressRouterInfo(store.Data, routerinfo.MaxLen)
			}
		}
	}
	info, err := routerinfo.Parse(raw)
	if err != nil || info.Verify() != nil {
		return nil
	}
	return info
}

// await reads events until one is what take wants.
func (r *ssu2Router) await(ctx context.Context, what string, take func(event any) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var seen []string
	for {
		select {
		case e := <-r.events:
			if take(e) {
				return nil
			}
			switch e := e.(type) {
			case ssu2.Failure:
				return fmt.Errorf("interop: %s: %w", what, e.Err)
			case ssu2Arrival:
				seen = append(seen, fmt.Sprintf("block %d", e.block.Type))
			default:
				seen = append(seen, fmt.Sprintf("%T", e))
			}
		case <-ctx.Done():
			return fmt.Errorf("interop: %s: came %v: %w; %+v", what, seen, ctx.Err(), r.Counts())
		}
	}
}

// awaitSession waits for a session, in one of the roles.
func (r *ssu2Router) awaitSession(ctx context.Context, initiator bool) (found *ssu2Session, err error) {
	err = r.await(ctx, "a session", func(e any) bool {
		s, ok := e.(*ssu2Session)
		if ok && s.Initiator == initiator {
			found = s
		}
		return found != nil
	})
	return found, err
}

// awaitStatus waits for a DeliveryStatus in a session.
func (r *ssu2Router) awaitStatus(ctx context.Context, id uint32) error {
	return r.await(ctx, fmt.Sprintf("delivery status %d", id), func(e any) bool {
		a, ok := e.(ssu2Arrival)
		if !ok || a.block.Type != ssu2.BlockI2NP {
			return false
		}
		m, err := i2np.ParseShort(a.block.Data)
		if err != nil || m.Type != i2np.DeliveryStatusType {
			return false
		}
		status, err := i2np.ParseDeliveryStatus(m.Body)
		return err == nil && status.MessageID == id
	})
}
