package tunnel

import "i2ptoolkit/pkg/aescbc"

// The parts of a TunnelData body (Tunnel Message, Encrypted).
const (
	tunnelIDLen = 4
	ivLen       = 16
	dataStart   = tunnelIDLen + ivLen
)

// LayerKeys are what one hop encrypts tunnel messages with.
type LayerKeys struct {
	Layer [32]byte // AES-256-CBC
	IV    [32]byte // AES-256-ECB, once before and once after
}

// layer is one hop's encryption of tunnel messages. A hop encrypts; the
// creator decrypts, whichever way its tunnel points. The keys are expanded
// when the first message comes, since many tunnels never see one.
type layer struct {
	keys LayerKeys
	hop  *struct{ iv, data *aescbc.Encrypter }
	own  *struct{ iv, data *aescbc.Decrypter }
}

// decrypt undoes what a hop does to a TunnelData body, in place.
func (l *layer) decrypt(body []byte) {
	if l.own == nil {
		l.own = &struct{ iv, data *aescbc.Decrypter }{aescbc.NewDecrypter(&l.keys.IV), aescbc.NewDecrypter(&l.keys.Layer)}
	}
	iv := (*[ivLen]byte)(body[tunnelIDLen:])
	l.own.iv.DecryptBlock(iv)
	l.own.data.Decrypt(iv, body[dataStart:], body[dataStart:])
	l.own.iv.DecryptBlock(iv)
}

// encrypt applies the layer to a TunnelData body in place.
func (l *layer) encrypt(body []byte) {
	var s sealing
	s.add(l, body)
	s.run()
}

// sealing encrypts TunnelData bodies in place, of which each has its layer,
// several together: that is several times as fast as one by one. The data of
// one is encrypted when run returns.
type sealing struct {
	n    int
	data [8]aescbc.Message
}

// add puts a body in (Participant Processing): its IV is encrypted, used, and
// encrypted again.
func (s *sealing) add(l *layer, body []byte) {
	if s.n == len(s.data) {
		s.run()
	}
	if l.hop == nil {
		l.hop = &struct{ iv, data *aescbc.Encrypter }{aescbc.NewEncrypter(&l.keys.IV), aescbc.NewEncrypter(&l.keys.Layer)}
	}
	iv := (*[ivLen]byte)(body[tunnelIDLen:])
	l.hop.iv.EncryptBlock(iv)
	s.data[s.n] = aescbc.Message{Key: l.hop.data, IV: *iv, Dst: body[dataStart:], Src: body[dataStart:]}
	l.hop.iv.EncryptBlock(iv)
	s.n++
}

// run encrypts what was added since the last run.
func (s *sealing) run() {
	aescbc.Encrypt(s.data[:s.n])
	s.n = 0
}

// layers are a creator's layers, in the order of message flow.
type layers []layer

func newLayers(keys []LayerKeys) layers {
	ls := make(layers, len(keys))
	for i := range keys {
		ls[i].keys = keys[i]
	}
	return ls
}

// decrypt undoes what the hops do: the last hop's layer first. For an
// outbound tunnel this happens before they do it.
func (ls layers) decrypt(body []byte) {
	for i := len(ls) - 1; i >= 0; i-- {
		ls[i].decrypt(body)
	}
}
