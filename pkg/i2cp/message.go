// Package i2cp holds the codecs of I2CP, by which programs that make their own keys, lease sets
// and streams use a router (I2CP Specification).
package i2cp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ProtocolByte is what a client says first.
const ProtocolByte = 0x2a

// Type is what kind of message a body is of.
type Type byte

// The types in use. The others that the specification has are deprecated: of them a router gets
// 6 and 7 of clients that fetch their messages one by one, and 29, which nobody handles.
const (
	TypeCreateSession           Type = 1
	TypeReconfigureSession      Type = 2
	TypeDestroySession          Type = 3
	TypeCreateLeaseSet          Type = 4
	TypeSendMessage             Type = 5
	TypeReceiveMessageBegin     Type = 6
	TypeReceiveMessageEnd       Type = 7
	TypeGetBandwidthLimits      Type = 8
	TypeSessionStatus           Type = 20
	TypeMessageStatus           Type = 22
	TypeBandwidthLimits         Type = 23
	TypeReportAbuse             Type = 29
	TypeDisconnect              Type = 30
	TypeMessagePayload          Type = 31
	TypeGetDate                 Type = 32
	TypeSetDate                 Type = 33
	TypeDestLookup              Type = 34
	TypeDestReply               Type = 35
	TypeSendMessageExpires      Type = 36
	TypeRequestVariableLeaseSet Type = 37
	TypeHostLookup              Type = 38
	TypeHostReply               Type = 39
	TypeCreateLeaseSet2         Type = 41
	TypeBlindingInfo            Type = 42
)

var typeNames = map[Type]string{
	TypeCreateSession: "CreateSession", TypeReconfigureSession: "ReconfigureSession",
	TypeDestroySession: "DestroySession", TypeCreateLeaseSet: "CreateLeaseSet", TypeSendMessage: "SendMessage",
	TypeReceiveMessageBegin: "ReceiveMessageBegin", TypeReceiveMessageEnd: "ReceiveMessageEnd",
	TypeGetBandwidthLimits: "GetBandwidthLimits", TypeSessionStatus: "SessionStatus",
	TypeMessageStatus: "MessageStatus", TypeBandwidthLimits: "BandwidthLimits", TypeReportAbuse: "ReportAbuse",
	TypeDisconnect: "Disconnect", TypeMessagePayload: "MessagePayload", TypeGetDate: "GetDate", TypeSetDate: "SetDate",
	TypeDestLookup: "DestLookup", TypeDestReply: "DestReply", TypeSendMessageExpires: "SendMessageExpires",
	TypeRequestVariableLeaseSet: "RequestVariableLeaseSet", TypeHostLookup: "HostLookup", TypeHostReply: "HostReply",
	TypeCreateLeaseSet2: "CreateLeaseSet2", TypeBlindingInfo: "BlindingInfo",
}

func (t Type) String() string {
	if name := typeNames[t]; name != "" {
		return name
	}
	return fmt.Sprintf("message of type %d", byte(t))
}

// Message is one of any type.
type Message interface {
	Type() Type
	// AppendTo appends the body.
	AppendTo(b []byte) []byte
}

const (
	// HeaderLen is that of a message's header.
	HeaderLen = 5
	// MaxBody is the longest body that is read: "about 64 KB", and what stands around a payload.
	MaxBody = 64<<10 + 4<<10
)

// ErrTooLong means that a body is announced that nobody has to send.
var ErrTooLong = errors.New("i2cp: the message is too long")

// Append appends a message as it is sent.
//
//	length of the body 4 | type 1 | body
func Append(b []byte, m Message) []byte {
	at := len(b)
	b = m.AppendTo(append(b, 0, 0, 0, 0, byte(m.Type())))
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-HeaderLen))
	return b
}

// Read reads the type and body of the next message. The body is in buf where that has the room.
func Read(r io.Reader, buf []byte) (Type, []byte, error) {
	var h [HeaderLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	kind, n := ParseHeader(h)
	if n > MaxBody {
		return 0, nil, fmt.Errorf("%w: %v of %d bytes, at most %d", ErrTooLong, kind, n, MaxBody)
	}
	if int(n) > cap(buf) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return kind, buf, nil
}

// ParseHeader takes the type of a message and the length of its body, which may be any, from its header.
func ParseHeader(h [HeaderLen]byte) (Type, uint32) {
	return Type(h[4]), binary.BigEndian.Uint32(h[:])
}

// ErrType means that a type is none of those in use.
var ErrType = errors.New("i2cp: not a type of message in use")

// Parse reads a body, which what is returned refers to.
func Parse(t Type, body []byte) (Message, error) {
	parse := parsers[t]
	if parse == nil {
		return nil, fmt.Errorf("%w: %v", ErrType, t)
	}
	r := &reader{b: body}
	m := parse(r)
	if err := r.end(t); err != nil {
		return nil, err
	}
	return m, nil
}

var parsers = map[Type]func(*reader) Message{
	TypeCreateSession:           func(r *reader) Message { return CreateSession{r.config()} },
	TypeReconfigureSession:      func(r *reader) Message { return ReconfigureSession{r.session(), r.config()} },
	TypeDestroySession:          func(r *reader) Message { return DestroySession{r.session()} },
	TypeCreateLeaseSet:          parseCreateLeaseSet,
	TypeSendMessage:             func(r *reader) Message { return r.send() },
	TypeGetBandwidthLimits:      func(*reader) Message { return GetBandwidthLimits{} },
	TypeSessionStatus:           func(r *reader) Message { return SessionStatus{r.session(), SessionState(r.byte())} },
	TypeMessageStatus:           parseMessageStatus,
	TypeBandwidthLimits:         parseBandwidthLimits,
	TypeDisconnect:              func(r *reader) Message { return Disconnect{r.text()} },
	TypeMessagePayload:          func(r *reader) Message { return MessagePayload{r.session(), r.uint32(), r.payload()} },
	TypeGetDate:                 parseGetDate,
	TypeSetDate:                 func(r *reader) Message { return SetDate{r.date(), r.text()} },
	TypeDestLookup:              func(r *reader) Message { return DestLookup{r.hash()} },
	TypeDestReply:               parseDestReply,
	TypeSendMessageExpires:      parseSendMessageExpires,
	TypeRequestVariableLeaseSet: parseRequestVariableLeaseSet,
	TypeHostLookup:              parseHostLookup,
	TypeHostReply:               parseHostReply,
	TypeCreateLeaseSet2:         parseCreateLeaseSet2,
	TypeBlindingInfo:            parseBlindingInfo,
}
