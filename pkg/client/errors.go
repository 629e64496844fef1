package client

import "errors"

// What can be wrong.
var (
	ErrClosed    = errors.New("client: destination closed")
	ErrNoStreams = errors.New("client: without its keys a destination has no streams")
	ErrTaken     = errors.New("client: the protocol's port has a handler already")

	// Of a payload that cannot be sent.
	ErrTooLong = errors.New("client: the payload is too long")
	ErrBusy    = errors.New("client: too much waits to be sent")

	// ErrTakenBack means that the owner of a lease set was there moments ago, and
	// has taken it back.
	ErrTakenBack = errors.New("client: it was taken back")
	// ErrLeaseSetKind means that a destination's lease set is of a kind that does not say
	// how to reach it: an encrypted one that was found by its hash, or one that names others and
	// leads to none.
	ErrLeaseSetKind = errors.New("client: the lease set does not say how to reach its destination")
	// ErrBlinding means that a destination can have no encrypted lease set.
	ErrBlinding = errors.New("client: the destination can have no encrypted lease set")
	// ErrOtherKeys means that keys are not those of the destination, or of no use to it.
	ErrOtherKeys = errors.New("client: not keys of this destination")
	// ErrLocked means that an encrypted lease set does not open.
	ErrLocked = errors.New("client: the encrypted lease set does not open")
	// ErrEncryption means that a lease set has no encryption key of a type that we
	// speak: its owner is to be reached by older or by newer routers than this one.
	ErrEncryption = errors.New("client: no encryption type in common")
)
