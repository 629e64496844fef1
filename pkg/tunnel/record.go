package tunnel

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

// The sizes of build records in clear text.
const (
	shortRequestLen = 154
	longRequestLen  = 464
	shortReplyLen   = i2np.ShortRecordLen - noise.MACLen
	longReplyLen    = i2np.LongRecordLen - noise.MACLen

	toPeerLen    = 16 // the hop's truncated hash
	ephemeralLen = 32
	recordHead   = toPeerLen + ephemeralLen

	requestLifetime = 600 // seconds; the only value in use
)

// The flags of a build request.
const (
	flagGateway  = 0x80
	flagEndpoint = 0x40
)

// The reply codes of a hop (Tunnel Creation, Tunnel Build Reply). Hops send
// only Accept and RejectBandwidth, so as not to be told apart.
const (
	Accept              byte = 0
	RejectProbabilistic byte = 10
	RejectOverload      byte = 20
	RejectBandwidth     byte = 30
	RejectCritical      byte = 50
)

// Bandwidth holds the bandwidth parameters of a build request in KB per
// second, 0 where one is not given (Tunnel Bandwidth Parameters).
type Bandwidth struct {
	Min       int // m: reject if there is less
	Requested int // r
	Limit     int // l: only for an inbound gateway
}

// options returns the mapping for a record, in the order of its keys.
func (w Bandwidth) options(gateway bool) i2p.Mapping {
	var m i2p.Mapping
	if w.Limit > 0 && gateway {
		m = append(m, i2p.Pair{Key: "l", Value: strconv.Itoa(w.Limit)})
	}
	if w.Min > 0 {
		m = append(m, i2p.Pair{Key: "m", Value: strconv.Itoa(w.Min)})
	}
	if w.Requested > 0 {
		m = append(m, i2p.Pair{Key: "r", Value: strconv.Itoa(w.Requested)})
	}
	return m
}

func parseBandwidth(m i2p.Mapping) Bandwidth {
	return Bandwidth{Min: kilobytes(m, "m"), Requested: kilobytes(m, "r"), Limit: kilobytes(m, "l")}
}

// kilobytes is an option's positive number, or 0.
func kilobytes(m i2p.Mapping, key string) int {
	n, err := strconv.ParseUint(m.Get(key), 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// ReplyOptions are the options of a hop's reply: the bandwidth it offers.
// There are none where nothing was asked or the hop refuses.
func ReplyOptions(kilobytes int) i2p.Mapping {
	if kilobytes <= 0 {
		return nil
	}
	return i2p.Mapping{{Key: "b", Value: strconv.Itoa(kilobytes)}}
}

// requestRecord is a build request record in clear text. The two forms
// differ in the keys, which the short one derives, and in its flags:
//
//	short  long                          long only, from 40
//	 0      0   receive tunnel (4)        40 layer key (32)
//	 4      4   next tunnel (4)           72 IV key (32)
//	 8      8   next router (32)         104 reply key (32)
//	40    152   flags (1)                136 reply IV (16)
//	41    153   more flags (2, long 3)
//	43          layer encryption (1)
//	44    156   request time, minutes since the epoch (4)
//	48    160   expiration, seconds (4)
//	52    164   send message ID (4)
//	56    168   options, then padding
type requestRecord struct {
	receiveTunnel uint32
	nextTunnel    uint32
	nextRouter    i2p.Hash
	layer         LayerKeys // long form
	replyKey      [32]byte  // long form
	replyIV       [16]byte  // long form
	flags         byte
	encryption    byte // short form: 0, AES
	minutes       uint32
	expiration    uint32
	sendMessageID uint32
	options       i2p.Mapping
}

// parseRequest parses a record of either length, without its padding.
func parseRequest(b []byte) (requestRecord, error) {
	var r requestRecord
	if len(b) != shortRequestLen && len(b) != longRequestLen {
		return r, fmt.Errorf("tunnel: build request of %d bytes, not %d or %d", len(b), shortRequestLen, longRequestLen)
	}
	be := binary.BigEndian
	r.receiveTunnel, r.nextTunnel = be.Uint32(b), be.Uint32(b[4:])
	copy(r.nextRouter[:], b[8:])
	rest := b[40:]
	if len(b) == longRequestLen {
		copy(r.layer.Layer[:], b[40:])
		copy(r.layer.IV[:], b[72:])
		copy(r.replyKey[:], b[104:])
		copy(r.replyIV[:], b[136:])
		rest = b[152:]
	} else {
		r.encryption = rest[3]
	}
	r.flags = rest[0]
	r.minutes, r.expiration, r.sendMessageID = be.Uint32(rest[4:]), be.Uint32(rest[8:]), be.Uint32(rest[12:])
	options, _, err := i2p.ParseMapping(rest[16:])
	if err != nil {
		return requestRecord{}, fmt.Errorf("tunnel: build request options: %w", err)
	}
	r.options = options
	return r, nil
}

// appendTo appends the record up to its padding.
func (r *requestRecord) appendTo(b []byte, short bool) []byte {
	be := binary.BigEndian
	b = be.AppendUint32(be.AppendUint32(b, r.receiveTunnel), r.nextTunnel)
	b = append(b, r.nextRouter[:]...)
	if short {
		b = append(b, r.flags, 0, 0, r.encryption)
	} else {
		b = append(append(b, r.layer.Layer[:]...), r.layer.IV[:]...)
		b = append(append(b, r.replyKey[:]...), r.replyIV[:]...)
		b = append(b, r.flags, 0, 0, 0)
	}
	b = be.AppendUint32(b, r.minutes)
	b = be.AppendUint32(b, r.expiration)
	b = be.AppendUint32(b, r.sendMessageID)
	return r.options.AppendTo(b)
}

// parseReply reads a reply record in clear text: options, padding, and the
// code in the last byte. Options that do not parse are left out, since the
// code is what counts.
func parseReply(b []byte) (code byte, options i2p.Mapping) {
	last := len(b) - 1
	options, _, err := i2p.ParseMapping(b[:last])
	if err != nil {
		options = nil
	}
	return b[last], options
}
