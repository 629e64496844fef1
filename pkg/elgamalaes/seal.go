package elgamalaes

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/aescbc"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// maxPayload leaves room for the largest overhead in an I2NP body.
const maxPayload = i2np.MaxBody - 4 - elgamal.BlockLen - blockMin - mostTags*tagLen - aescbc.BlockLen

// garlicLife is how long a message may be on its way, where its cloves do not say it.
const garlicLife = time.Minute

// Seal seals a payload to the key of a peer's lease set.
func (s *Sessions) Seal(now time.Time, to [elgamal.KeyLen]byte, p Payload) (Sealed, error) {
	n, err := s.outgoing.session(now, to, s.limits.Peers, s.random)
	if err != nil {
		return Sealed{}, err
	}
	s.sweep(now)
	t, existing := n.take(now)
	sealed := Sealed{New: !existing}
	if sealed.New {
		p.Cloves, p.Confirm = slices.Concat(p.Bundle, p.Cloves), p.Confirm || len(p.Bundle) > 0
	}
	garlic := i2np.Garlic{ID: s.random.Nonzero32()}
	for _, c := range p.Cloves {
		garlic.Cloves = append(garlic.Cloves, s.clove(c))
	}
	want := s.outgoing.wants(now, n, p)
	if (want > 0 || p.Confirm) && p.Status != nil {
		sealed.ID = s.random.Nonzero32()
		status, ok := p.Status(sealed.ID)
		if ok { // in front, where it is read even if a clove behind it is not
			garlic.Cloves = slices.Insert(garlic.Cloves, 0, s.clove(status))
		} else {
			sealed.ID = 0
		}
	}
	garlic.Expiration = expiration(now, garlic)
	if garlic.Len() > maxPayload {
		return Sealed{}, ErrTooLong
	}
	body := block{payload: garlic.AppendTo(make([]byte, 0, garlic.Len()))}
	if sealed.ID != 0 {
		tags := s.newTags(min(want, (maxPayload-garlic.Len())/tagLen+mostTags))
		for i := range tags {
			body.tags = append(body.tags, tags[i][:]...)
		}
		s.outgoing.deliver(now, n, sealed.ID, tags)
		s.stats.TagsSent += uint64(len(tags))
	}
	if existing {
		s.stats.ExistingSealed++
		sealed.Body = s.sealBlock(n, t[:], t, body)
	} else {
		s.stats.NewSealed++
		head, pre := s.sealHead(n)
		sealed.Body = s.sealBlock(n, head[:], pre, body)
	}
	return sealed, nil
}

// clove is one with an id of its own, which lasts as long as its message.
func (s *Sessions) clove(c i2np.Clove) i2np.GarlicClove {
	return i2np.GarlicClove{Clove: c, ID: s.random.Nonzero32(), Expiration: c.Message.Expiration}
}

// expiration is that of the clove that lasts longest, as all have drawn theirs.
func expiration(now time.Time, g i2np.Garlic) (last i2p.Date) {
	for _, c := range g.Cloves {
		last = max(last, c.Expiration)
	}
	if last == 0 {
		last = i2p.DateOf(now.Add(garlicLife))
	}
	return last
}

func (s *Sessions) newTags(n int) []tag {
	tags := make([]tag, n)
	for i := range tags {
		draw.Fill(s.random, tags[i][:])
	}
	return tags
}

// sealHead makes the ElGamal block of a new session message (ElGamal Block).
//
//	session key 32 | pre-IV 32 | padding 158
func (s *Sessions) sealHead(n *session) (head [elgamal.BlockLen]byte, pre [32]byte) {
	var data [elgamal.DataLen]byte
	draw.Fill(s.random, data[:])
	copy(data[:], n.key[:])
	pre = [32]byte(data[keyLen:])
	return n.public.Encrypt(s.random, &data), pre
}

// sealBlock encrypts the AES block behind a head, with random padding.
func (s *Sessions) sealBlock(n *session, head []byte, pre [32]byte, b block) []byte {
	out := make([]byte, 0, len(head)+b.len()+aescbc.BlockLen)
	out = b.appendTo(append(out, head...))
	if over := (len(out) - len(head)) % aescbc.BlockLen; over > 0 {
		var padding [aescbc.BlockLen]byte
		draw.Fill(s.random, padding[:])
		out = append(out, padding[over:]...)
	}
	plain := out[len(head):]
	aescbc.Encrypt([]aescbc.Message{{Key: n.aes, IV: iv(pre), Dst: plain, Src: plain}})
	return out
}

// Confirmed says that the confirmation with an id has come back, and tells the peer that it is of. It reports
// false where there is none that is waited for.
func (s *Sessions) Confirmed(now time.Time, id uint32) (peer [elgamal.KeyLen]byte, ok bool) {
	d := s.outgoing.confirmed(now, id)
	if d == nil {
		return peer, false
	}
	s.stats.TagsConfirmed += uint64(len(d.tags))
	return d.session.peer, true
}

// Suspect says that a peer does not seem to receive what is sent to it: it may have lost the tags that it
// confirmed, as one does that was started anew. The next message begins the session again, with another
// key; not more often than once in a while.
func (s *Sessions) Suspect(now time.Time, peer [elgamal.KeyLen]byte) {
	n := s.outgoing.peers[peer]
	if n == nil || len(n.sets) == 0 || now.Sub(n.begun) < restarts {
		return
	}
	s.outgoing.forget(n)
	n.begun = now
	n.rekey(s.random)
	s.stats.Restarts++
}
