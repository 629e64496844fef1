package vectors

import "fmt"

// OneTime is a garlic message under a key and tag that were given away in a
// request.
type OneTime struct {
	Name    string  `json:"name,omitempty"`
	Note    string  `json:"note,omitempty"`
	Key     Hex     `json:"key"`
	Tag     Hex     `json:"tag"` // also the associated data; the nonce is 0
	Blocks  []Block `json:"blocks"`
	Payload Hex     `json:"payload"`
	Body    Hex     `json:"body"` // garlic, without the I2NP length field
}

// Compute seals the payload, or opens the body where there is none yet.
func (o *OneTime) Compute() (err error) {
	if err = same("tag", o.Tag, o.Body[:8]); err != nil {
		return err
	}
	if o.Payload == nil {
		if o.Payload, err = open(o.Key, 0, o.Tag, o.Body[8:]); err != nil {
			return fmt.Errorf("vectors: one-time garlic: %w", err)
		}
	}
	if err := same("one-time garlic", seal(o.Key, 0, o.Tag, o.Payload), o.Body[8:]); err != nil {
		return err
	}
	o.Blocks, err = parseBlocks(o.Payload)
	return err
}

// ToRouter is a garlic message to a router's key (Noise_N).
type ToRouter struct {
	Name             string  `json:"name"`
	Note             string  `json:"note,omitempty"`
	Seed             Hex     `json:"seed"`
	Time             int64   `json:"time"`
	StaticPrivate    Hex     `json:"static_private,omitempty"`
	StaticPublic     Hex     `json:"static_public"`
	EphemeralPrivate Hex     `json:"ephemeral_private"`
	EphemeralPublic  Hex     `json:"ephemeral_public"`
	ES               Hex     `json:"es"`
	Steps            []Step  `json:"steps"`
	Blocks           []Block `json:"blocks"`
	Payload          Hex     `json:"payload"`
	Body             Hex     `json:"body"`
}

// Compute works through the message with the ephemeral private key.
func (v *ToRouter) Compute() (err error) {
	if v.StaticPrivate != nil {
		if v.StaticPublic, err = public(v.StaticPrivate); err != nil {
			return err
		}
	}
	if v.EphemeralPublic, err = public(v.EphemeralPrivate); err != nil {
		return err
	}
	s := start("Noise_N_25519_ChaChaPoly_SHA256")
	s.mixHash("MixHash(router's static key)", v.StaticPublic)
	s.mixHash("MixHash(ephemeral key)", v.EphemeralPublic)
	if v.ES, err = dh(v.EphemeralPrivate, v.StaticPublic, v.StaticPrivate, v.EphemeralPublic); err != nil {
		return err
	}
	s.mixKey("MixKey(es)", v.ES)
	sealed, err := s.section("payload", &v.Payload, v.Body[32:])
	if err != nil {
		return err
	}
	v.Steps = s.take()
	if err := same("router message", append(append(Hex{}, v.EphemeralPublic...), sealed...), v.Body); err != nil {
		return err
	}
	v.Blocks, err = parseBlocks(v.Payload)
	return err
}
