package i2cp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// SessionID names a session of one connection.
type SessionID uint16

// NoSession is said where something is of no session.
const NoSession SessionID = 0xffff

// GetDate asks for the time, and begins a conversation.
//
//	API version String | authentication Mapping, which may be missing
type GetDate struct {
	Version string
	Auth    i2p.Mapping // nil: it is missing
}

// The keys of GetDate's authentication.
const (
	KeyUsername = "i2cp.username"
	KeyPassword = "i2cp.password"
)

func parseGetDate(r *reader) Message {
	var m GetDate
	if len(r.b) > 0 { // clients before 0.8.7 say nothing
		m.Version = r.text()
	}
	if len(r.b) > 0 {
		if m.Auth = r.mapping(); m.Auth == nil {
			m.Auth = i2p.Mapping{}
		}
	}
	return m
}

// Type is TypeGetDate.
func (GetDate) Type() Type { return TypeGetDate }

// AppendTo appends the body.
func (m GetDate) AppendTo(b []byte) []byte {
	if m.Version == "" && m.Auth == nil {
		return b
	}
	b = appendText(b, m.Version)
	if m.Auth != nil {
		b = m.Auth.AppendTo(b)
	}
	return b
}

// SetDate answers GetDate.
//
//	Date 8 | API version String
type SetDate struct {
	Date    i2p.Date
	Version string
}

// Type is TypeSetDate.
func (SetDate) Type() Type { return TypeSetDate }

// AppendTo appends the body.
func (m SetDate) AppendTo(b []byte) []byte {
	return appendText(binary.BigEndian.AppendUint64(b, uint64(m.Date)), m.Version)
}

// SessionConfig says whose session is to be, and how.
//
//	Destination | options Mapping | created Date 8 | signature of all that
type SessionConfig struct {
	Destination i2p.Destination
	Options     i2p.Mapping // in the order in which they are signed
	Created     i2p.Date
	Signature   []byte
}

// The options of offline keys, which a SessionConfig is signed with (Session Config, "Offline Signatures").
const (
	optionOfflineExpires = "i2cp.leaseSetOfflineExpiration"
	optionTransient      = "i2cp.leaseSetTransientPublicKey"
	optionOfflineSigned  = "i2cp.leaseSetOfflineSignature"
)

// MaxSkew is how far the date of a SessionConfig may be from the router's.
const MaxSkew = 30 * time.Second

// Reasons for which Verify refuses.
var (
	ErrSignature = errors.New("i2cp: the signature does not verify")
	ErrDate      = errors.New("i2cp: the date is too far from this router's")
	ErrOffline   = errors.New("i2cp: the offline signature is of no use")
)

func (r *reader) config() (c SessionConfig) {
	c.Destination = r.destination()
	c.Options = r.mapping()
	c.Created = r.date()
	if r.err != nil {
		return SessionConfig{}
	}
	by, _, err := c.signer()
	if err != nil {
		r.fail(err)
		return SessionConfig{}
	}
	c.Signature = r.bytes(by.Type().SignatureLen())
	return c
}

// AppendTo appends the structure.
func (c SessionConfig) AppendTo(b []byte) []byte { return append(c.appendSigned(b), c.Signature...) }

func (c SessionConfig) appendSigned(b []byte) []byte {
	b = c.Options.AppendTo(c.Destination.AppendTo(b))
	return binary.BigEndian.AppendUint64(b, uint64(c.Created))
}

// Offline is the signature that allows the transient key that the options name; nil where they name none.
func (c SessionConfig) Offline() (*i2p.OfflineSignature, error) {
	_, offline, err := c.signer()
	return offline, err
}

// signer is the key that signs, and what allows it where that is a transient one.
func (c SessionConfig) signer() (by sign.PublicKey, offline *i2p.OfflineSignature, err error) {
	transient, ok := c.Options.Lookup(optionTransient)
	if !ok {
		return c.Destination.SigningKey(), nil, nil
	}
	kind, text, typed := strings.Cut(transient, ":")
	t := sign.DSA_SHA1 // where no type is said
	if !typed {
		text = kind
	} else if t, err = sign.ParseType(kind); err != nil {
		return by, nil, fmt.Errorf("%w: %w", ErrOffline, err)
	}
	key, err := i2p.DecodeBase64(text)
	if err != nil {
		return by, nil, fmt.Errorf("%w: the transient key: %w", ErrOffline, err)
	}
	if by, err = sign.NewPublicKey(t, key); err != nil {
		return by, nil, fmt.Errorf("%w: %w", ErrOffline, err)
	}
	expires, err := strconv.ParseUint(c.Options.Get(optionOfflineExpires), 10, 32)
	if err != nil {
		return by, nil, fmt.Errorf("%w: its expiration: %w", ErrOffline, err)
	}
	signature, err := i2p.DecodeBase64(c.Options.Get(optionOfflineSigned))
	if err != nil {
		return by, nil, fmt.Errorf("%w: %w", ErrOffline, err)
	}
	return by, &i2p.OfflineSignature{Expires: uint32(expires), Transient: by, Signature: signature}, nil
}

// Verify checks who signed the configuration, and when.
func (c SessionConfig) Verify(now time.Time) error {
	by, offline, err := c.signer()
	switch {
	case err != nil:
		return err
	case offline != nil && !offline.Verify(c.Destination.Identity):
		return fmt.Errorf("%w: the destination has not signed it", ErrOffline)
	case offline != nil && !now.Before(time.Unix(int64(offline.Expires), 0)):
		return fmt.Errorf("%w: it has expired", ErrOffline)
	case !by.Verify(c.appendSigned(nil), c.Signature):
		return ErrSignature
	}
	if off := c.Created.Time().Sub(now).Abs(); off > MaxSkew {
		return fmt.Errorf("%w: by %v, at most %v", ErrDate, off.Round(time.Second), MaxSkew)
	}
	return nil
}

// Sign signs the configuration with the destination's key, or the transient one that the options name.
func (c *SessionConfig) Sign(key sign.PrivateKey) (err error) {
	c.Signature, err = key.Sign(c.appendSigned(nil))
	return err
}

// SetOffline puts what allows a transient key into the options.
func (c *SessionConfig) SetOffline(o i2p.OfflineSignature) error {
	named := make(map[string]string)
	for _, p := range c.Options {
		named[p.Key] = p.Value
	}
	named[optionOfflineExpires] = strconv.FormatUint(uint64(o.Expires), 10)
	named[optionTransient] = strconv.Itoa(int(o.Transient.Type())) + ":" + i2p.EncodeBase64(o.Transient.Bytes())
	named[optionOfflineSigned] = i2p.EncodeBase64(o.Signature)
	m, err := i2p.NewMapping(named)
	c.Options = m
	return err
}

// CreateSession asks for a session.
type CreateSession struct{ Config SessionConfig }

// Type is TypeCreateSession.
func (CreateSession) Type() Type { return TypeCreateSession }

// AppendTo appends the body.
func (m CreateSession) AppendTo(b []byte) []byte { return m.Config.AppendTo(b) }

// ReconfigureSession changes the options of a session.
//
//	session 2 | SessionConfig
type ReconfigureSession struct {
	Session SessionID
	Config  SessionConfig
}

// Type is TypeReconfigureSession.
func (ReconfigureSession) Type() Type { return TypeReconfigureSession }

// AppendTo appends the body.
func (m ReconfigureSession) AppendTo(b []byte) []byte {
	return m.Config.AppendTo(m.Session.appendTo(b))
}

// DestroySession ends a session.
//
//	session 2
type DestroySession struct{ Session SessionID }

// Type is TypeDestroySession.
func (DestroySession) Type() Type { return TypeDestroySession }

// AppendTo appends the body.
func (m DestroySession) AppendTo(b []byte) []byte { return m.Session.appendTo(b) }

// SessionState is what a SessionStatus says.
type SessionState byte

// The states of sessions.
const (
	SessionDestroyed SessionState = iota
	SessionCreated
	SessionUpdated
	SessionInvalid
	SessionRefused
)

// SessionStatus tells what became of a request about a session.
//
//	session 2 | status 1
type SessionStatus struct {
	Session SessionID
	State   SessionState
}

// Type is TypeSessionStatus.
func (SessionStatus) Type() Type { return TypeSessionStatus }

// AppendTo appends the body.
func (m SessionStatus) AppendTo(b []byte) []byte { return append(m.Session.appendTo(b), byte(m.State)) }

// Disconnect says why the connection ends, with all of its sessions.
//
//	reason String
type Disconnect struct{ Reason string }

// Type is TypeDisconnect.
func (Disconnect) Type() Type { return TypeDisconnect }

// AppendTo appends the body.
func (m Disconnect) AppendTo(b []byte) []byte { return appendText(b, m.Reason) }
