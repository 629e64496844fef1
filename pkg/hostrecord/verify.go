package hostrecord

import (
	"errors"
	"fmt"
	"strings"

	"i2ptoolkit/pkg/i2p"
)

// ErrSignature means that a signature is not that of the destination.
var ErrSignature = errors.New("signature does not verify")

// ErrUnsigned means that a signature that the command needs is not there.
var ErrUnsigned = errors.New("not signed")

// ErrCommand means that a command lacks an option, or that its options contradict.
var ErrCommand = errors.New("incomplete command")

// Owner is the destination whose signature the record needs: the one that it names, or
// what a removal has in "dest".
func (r Record) Owner() (i2p.Destination, error) {
	text := r.Destination
	if r.Host == "" {
		text = r.Get("dest")
	}
	return i2p.ParseDestinationBase64(text)
}

// OldOwner is the destination in "olddest".
func (r Record) OldOwner() (i2p.Destination, error) {
	return i2p.ParseDestinationBase64(r.Get("olddest"))
}

// needs are the options that a command must have beside its signatures.
func needs(action string) (keys []string, headless, ok bool) {
	switch action {
	case ActionAdd, ActionUpdate:
		return nil, false, true
	case ActionChangeName, ActionAddName:
		return []string{"oldname"}, false, true
	case ActionChangeDest, ActionAddDest:
		return []string{"olddest"}, false, true
	case ActionAddSubdomain:
		return []string{"olddest", "oldname"}, false, true
	case ActionRemove, ActionRemoveAll:
		return []string{"name", "dest"}, true, true
	}
	return nil, false, false
}

// check tells whether the command has what it needs but for signatures.
func (r Record) check() error {
	keys, headless, ok := needs(r.Action())
	if !ok {
		return fmt.Errorf("hostrecord: %w: unknown action %q", ErrCommand, r.Action())
	}
	if headless != (r.Host == "") {
		return fmt.Errorf("hostrecord: %w: %q with or without a host name before it", ErrCommand, r.Action())
	}
	for _, key := range keys {
		if _, ok := r.Lookup(key); !ok {
			return fmt.Errorf("hostrecord: %w: %s needs %s", ErrCommand, r.Action(), key)
		}
	}
	for _, key := range []string{"oldname", "name"} {
		if name, ok := r.Lookup(key); ok {
			if err := i2p.CheckHost(name); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrCommand, key, err)
			}
		}
	}
	if r.Action() == ActionAddSubdomain && !strings.HasSuffix(r.Host, "."+r.Get("oldname")) {
		return fmt.Errorf("hostrecord: %w: %s is not below %s", ErrCommand, r.Host, r.Get("oldname"))
	}
	return nil
}

// Verify checks the command and its signatures: the inner one by the old destination where
// there is one, then the outer one.
func (r Record) Verify() error {
	if err := r.check(); err != nil {
		return err
	}
	owner, err := r.Owner()
	if err != nil {
		return fmt.Errorf("hostrecord: %w: dest: %w", ErrCommand, err)
	}
	if _, ok := r.Lookup("olddest"); ok {
		old, err := r.OldOwner()
		if err != nil {
			return fmt.Errorf("hostrecord: %w: olddest: %w", ErrCommand, err)
		}
		if err := r.verify(old, "oldsig", true); err != nil {
			return err
		}
	}
	return r.verify(owner, "sig", false)
}

func (r Record) verify(by i2p.Destination, key string, inner bool) error {
	text, ok := r.Lookup(key)
	if !ok {
		return fmt.Errorf("hostrecord: %s: %w", key, ErrUnsigned)
	}
	sig, err := i2p.DecodeBase64(text)
	if err != nil || !by.Verify(r.signedText(inner), sig) {
		return fmt.Errorf("hostrecord: %s: %w", key, ErrSignature)
	}
	return nil
}
