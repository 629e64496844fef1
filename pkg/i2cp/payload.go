package i2cp

import (
	"encoding/binary"

	"i2ptoolkit/pkg/i2p"
)

// SendMessage has a payload sent to another destination.
//
//	session 2 | Destination | payload (length 4, bytes) | nonce 4
type SendMessage struct {
	Session SessionID
	To      i2p.Destination
	Payload []byte // framed by package datagram
	Nonce   uint32 // 0: nothing is to be said of what becomes of it
}

func (r *reader) send() SendMessage {
	return SendMessage{r.session(), r.destination(), r.payload(), r.uint32()}
}

// Type is TypeSendMessage.
func (SendMessage) Type() Type { return TypeSendMessage }

// AppendTo appends the body.
func (m SendMessage) AppendTo(b []byte) []byte {
	b = appendPayload(m.To.AppendTo(m.Session.appendTo(b)), m.Payload)
	return binary.BigEndian.AppendUint32(b, m.Nonce)
}

// SendFlags say how the router is to send a message (SendMessageExpiresMessage, Flags Field).
//
//	bits 15-11 unused | 10-9 unused | 8 no lease set | 7-4 low tag threshold | 3-0 tags to send
type SendFlags uint16

// FlagNoLeaseSet keeps the sender's lease set out of the message.
const FlagNoLeaseSet SendFlags = 1 << 8

// The numbers of session tags that the flags have codes of; that of code 0 is for the router to say.
var (
	tagThresholds = [16]int{0, 2, 3, 6, 9, 14, 20, 27, 35, 45, 57, 72, 92, 117, 147, 192}
	tagsToSend    = [16]int{0, 2, 4, 6, 8, 12, 16, 24, 32, 40, 51, 64, 80, 100, 125, 160}
)

// Tags are how many session tags are to be delivered where there are fewer than low; 0: as the session has it.
func (f SendFlags) Tags() (send, low int) { return tagsToSend[f&15], tagThresholds[f>>4&15] }

// SendMessageExpires is SendMessage with flags, and a time after which there is no use in it.
//
//	SendMessage | flags 2 | expiration 6 (ms since 1970)
type SendMessageExpires struct {
	SendMessage
	Flags   SendFlags
	Expires i2p.Date // 0: none
}

func parseSendMessageExpires(r *reader) Message {
	return SendMessageExpires{r.send(), SendFlags(r.number(2)), i2p.Date(r.number(6))}
}

// Type is TypeSendMessageExpires.
func (SendMessageExpires) Type() Type { return TypeSendMessageExpires }

// AppendTo appends the body.
func (m SendMessageExpires) AppendTo(b []byte) []byte {
	b = m.SendMessage.AppendTo(b)
	return binary.BigEndian.AppendUint64(b, uint64(m.Flags)<<48|uint64(m.Expires)&(1<<48-1))
}

// MessageState is what a MessageStatus says.
type MessageState byte

// The states of messages.
const (
	Available MessageState = iota
	Accepted
	BestEffortSuccess
	BestEffortFailure
	GuaranteedSuccess
	GuaranteedFailure
	LocalSuccess
	LocalFailure
	RouterFailure
	NetworkFailure
	BadSession
	BadMessage
	BadOptions
	OverflowFailure
	MessageExpired
	BadLocalLeaseSet
	NoLocalTunnels
	UnsupportedEncryption
	BadDestination
	BadLeaseSet
	ExpiredLeaseSet
	NoLeaseSet
	MetaLeaseSet
	LoopbackDenied
)

// MessageStatus tells what became of a message.
//
//	session 2 | message id 4 | status 1 | size 4 | nonce 4
type MessageStatus struct {
	Session SessionID
	ID      uint32
	State   MessageState
	Size    uint32
	Nonce   uint32
}

func parseMessageStatus(r *reader) Message {
	return MessageStatus{r.session(), r.uint32(), MessageState(r.byte()), r.uint32(), r.uint32()}
}

// Type is TypeMessageStatus.
func (MessageStatus) Type() Type { return TypeMessageStatus }

// AppendTo appends the body.
func (m MessageStatus) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(m.Session.appendTo(b), m.ID)
	b = binary.BigEndian.AppendUint32(append(b, byte(m.State)), m.Size)
	return binary.BigEndian.AppendUint32(b, m.Nonce)
}

// MessagePayload brings what somebody sent.
//
//	session 2 | message id 4 | payload (length 4, bytes)
type MessagePayload struct {
	Session SessionID
	ID      uint32
	Payload []byte
}

// Type is TypeMessagePayload.
func (MessagePayload) Type() Type { return TypeMessagePayload }

// AppendTo appends the body.
func (m MessagePayload) AppendTo(b []byte) []byte {
	return appendPayload(binary.BigEndian.AppendUint32(m.Session.appendTo(b), m.ID), m.Payload)
}

// GetBandwidthLimits asks how much may be sent and received. It has no body.
type GetBandwidthLimits struct{}

// Type is TypeGetBandwidthLimits.
func (GetBandwidthLimits) Type() Type { return TypeGetBandwidthLimits }

// AppendTo appends nothing.
func (GetBandwidthLimits) AppendTo(b []byte) []byte { return b }

// BandwidthLimits answers it, in KBps, the burst time in seconds.
//
//	client in 4, out 4 | router in 4, in burst 4, out 4, out burst 4 | burst time 4 | undefined 36
type BandwidthLimits struct {
	ClientIn, ClientOut        uint32
	In, InBurst, Out, OutBurst uint32
	BurstTime                  uint32
	Undefined                  [9]uint32
}

func (m *BandwidthLimits) fields() []*uint32 {
	all := []*uint32{&m.ClientIn, &m.ClientOut, &m.In, &m.InBurst, &m.Out, &m.OutBurst, &m.BurstTime}
	for i := range m.Undefined {
		all = append(all, &m.Undefined[i])
	}
	return all
}

func parseBandwidthLimits(r *reader) Message {
	var m BandwidthLimits
	for _, f := range m.fields() {
		*f = r.uint32()
	}
	return m
}

// Type is TypeBandwidthLimits.
func (BandwidthLimits) Type() Type { return TypeBandwidthLimits }

// AppendTo appends the body.
func (m BandwidthLimits) AppendTo(b []byte) []byte {
	for _, f := range m.fields() {
		b = binary.BigEndian.AppendUint32(b, *f)
	}
	return b
}
