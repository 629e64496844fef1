package ssu2

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

var (
	v4 = netip.MustParseAddrPort("192.0.2.7:4567")
	v6 = netip.MustParseAddrPort("[2001:db8::7]:4568")
)

// appender is a block of any type.
type appender interface{ AppendTo([]byte) []byte }

type parsed func(data []byte) (appender, error)

func of[T appender](parse func([]byte) (T, error)) parsed {
	return func(data []byte) (appender, error) { return parse(data) }
}

// raw is a block that its Append function made.
type raw func([]byte) []byte

func (r raw) AppendTo(out []byte) []byte { return r(out) }

// parsers are those of all types of blocks.
var parsers = map[BlockType]parsed{
	BlockDateTime: func(data []byte) (appender, error) {
		s, err := ParseDateTime(data)
		return raw(func(out []byte) []byte { return AppendDateTime(out, time.Unix(int64(s), 0)) }), err
	},
	BlockOptions:          of(ParseOptions),
	BlockRouterInfo:       of(ParseRouterInfo),
	BlockFirstFragment:    of(ParseFirstFragment),
	BlockFollowOnFragment: of(ParseFollowOn),
	BlockTermination:      of(ParseTermination),
	BlockRelayRequest:     of(ParseRelayRequest),
	BlockRelayResponse:    of(ParseRelayResponse),
	BlockRelayIntro:       of(ParseRelayIntro),
	BlockPeerTest:         of(ParsePeerTest),
	BlockNextNonce:        of(ParseNextNonce),
	BlockAck:              of(ParseAck),
	BlockNewToken:         of(ParseNewToken),
	BlockCongestion:       of(ParseCongestion),
	BlockI2NP: func(data []byte) (appender, error) {
		m, err := ParseI2NP(data)
		return raw(func(out []byte) []byte { return AppendI2NP(out, m) }), err
	},
	BlockAddress: func(data []byte) (appender, error) {
		a, err := ParseAddress(data)
		return raw(func(out []byte) []byte { return AppendAddress(out, a) }), err
	},
	BlockRelayTagRequest: func(data []byte) (appender, error) {
		return raw(AppendRelayTagRequest), ParseRelayTagRequest(data)
	},
	BlockRelayTag: func(data []byte) (appender, error) {
		tag, err := ParseRelayTag(data)
		return raw(func(out []byte) []byte { return AppendRelayTag(out, tag) }), err
	},
	BlockFirstPacketNumber: func(data []byte) (appender, error) {
		n, err := ParseFirstPacketNumber(data)
		return raw(func(out []byte) []byte { return AppendFirstPacketNumber(out, n) }), err
	},
}

func sampleIntroduction() Introduction {
	return Introduction{Nonce: 0x01020304, Tag: 5, Timestamp: 6, Version: 2, Alice: v4, Signature: bytes.Repeat([]byte{7}, 64)}
}

// samples is one block of each form, by name.
func samples() map[string][]byte {
	message := bytes.Repeat([]byte{3}, 30)
	in := sampleIntroduction()
	in6 := in
	in6.Alice = v6
	response := RelayResponse{Nonce: 1, Timestamp: 2, Version: 2, Charlie: v4, Signature: in.Signature, Token: 9}
	refused := RelayResponse{Code: RelayBobLimit, Nonce: 1, Timestamp: 2, Version: 2, Signature: in.Signature}
	pt := PeerTest{Message: 1, Version: 2, Nonce: 3, Timestamp: 4, Alice: v4, Signature: in.Signature}
	pt4, pt6 := pt, pt
	pt4.Message, pt4.Hash = 4, i2p.Hash{9}
	pt6.Message, pt6.Alice, pt6.Signature = 6, v6, nil
	return map[string][]byte{
		"date":               AppendDateTime(nil, start),
		"options":            Options{TransmitMax: 1, ReceiveDelay: 0x0203, More: []byte{1}}.AppendTo(nil),
		"RouterInfo":         RouterInfo{FlagGzip | FlagFlood, message}.AppendTo(nil),
		"I2NP":               AppendI2NP(nil, message),
		"first fragment":     FirstFragment{message}.AppendTo(nil),
		"follow-on":          FollowOn{Number: 127, Last: true, ID: 0x03030303, Data: message}.AppendTo(nil),
		"termination":        Termination{Packets: 1, Reason: ReasonReplaced, More: []byte("why")}.AppendTo(nil),
		"relay request":      RelayRequest{0, in}.AppendTo(nil),
		"relay request v6":   RelayRequest{0, in6}.AppendTo(nil),
		"relay response":     response.AppendTo(nil),
		"relay refused":      refused.AppendTo(nil),
		"relay refused bare": RelayResponse{Code: RelayBobLimit, Nonce: 1}.AppendTo(nil),
		"relay intro":        RelayIntro{0, i2p.Hash{1}, in}.AppendTo(nil),
		"peer test 1":        pt.AppendTo(nil),
		"peer test 4":        pt4.AppendTo(nil),
		"peer test 6":        pt6.AppendTo(nil),
		"next nonce":         NextNonce{[]byte{1, 2}}.AppendTo(nil),
		"ack":                Ack{10, 2, []byte{1, 2, 2, 3}}.AppendTo(nil),
		"address v4":         AppendAddress(nil, v4),
		"address v6":         AppendAddress(nil, v6),
		"relay tag request":  AppendRelayTagRequest(nil),
		"relay tag":          AppendRelayTag(nil, 77),
		"new token":          NewToken{1234, 0x0102030405060708}.AppendTo(nil),
		"path challenge":     AppendPathChallenge(nil, []byte("challenge")),
		"path response":      AppendPathResponse(nil, []byte("challenge")),
		"first packet":       AppendFirstPacketNumber(nil, 99),
		"congestion":         Congestion{CongestionECN, nil}.AppendTo(nil),
		"padding":            AppendPadding(nil, 300),
	}
}

// roundTrip fails unless the block at the start of b is refused, or marshals
// back to the same bytes.
func roundTrip(t *testing.T, b []byte) (refused bool) {
	t.Helper()
	block, rest, err := ParseBlock(b)
	if err != nil {
		if block.Data != nil || rest != nil {
			t.Fatal("results beside an error")
		}
		return true
	}
	var a appender = block
	if parse := parsers[block.Type]; parse != nil {
		if a, err = parse(block.Data); err != nil {
			if !errors.Is(err, ErrPayload) {
				t.Fatalf("block %d: error of another kind: %v", block.Type, err)
			}
			return true
		}
	}
	if got, want := a.AppendTo(nil), b[:len(b)-len(rest)]; !bytes.Equal(got, want) {
		t.Fatalf("block %d: %T came back as\n%x, was\n%x", block.Type, a, got, want)
	}
	return false
}

func TestBlocksMarshalBack(t *testing.T) {
	for name, b := range samples() {
		if roundTrip(t, b) {
			t.Errorf("%s: refused", name)
		}
	}
	// Blocks of 0 bytes are refused by all that have fields.
	for typ := range parsers {
		empty := typ == BlockRelayTagRequest || typ == BlockNextNonce
		if refused := roundTrip(t, []byte{byte(typ), 0, 0}); refused == empty {
			t.Errorf("block %d without data: refused %v", typ, refused)
		}
	}
}

func TestBlocksRefused(t *testing.T) {
	signature := bytes.Repeat([]byte{7}, 64)
	for name, b := range map[string][]byte{
		"fragment of a RouterInfo": Block{BlockRouterInfo, []byte{0, 0x12, 1}}.AppendTo(nil),
		"follow-on 0":              Block{BlockFollowOnFragment, []byte{1, 0, 0, 0, 1, 1}}.AppendTo(nil),
		"follow-on without data":   Block{BlockFollowOnFragment, []byte{2, 0, 0, 0, 1}}.AppendTo(nil),
		"first without data":       Block{BlockFirstFragment, make([]byte, 9)}.AppendTo(nil),
		"ack with half a range":    Block{BlockAck, []byte{0, 0, 0, 9, 0, 1}}.AppendTo(nil),
		"ack with an empty range":  Block{BlockAck, []byte{0, 0, 0, 9, 0, 0, 0}}.AppendTo(nil),
		"relay tag 0":              AppendRelayTag(nil, 0),
		"address of 7 bytes":       Block{BlockAddress, make([]byte, 7)}.AppendTo(nil),
		"peer test 8":              PeerTest{Message: 8, Alice: v4, Signature: signature}.AppendTo(nil),
		"peer test 0":              PeerTest{Message: 0, Alice: v4, Signature: signature}.AppendTo(nil),
		"unsigned peer test 2":     PeerTest{Message: 2, Alice: v4}.AppendTo(nil),
		"unsigned relay request":   RelayRequest{Introduction: Introduction{Alice: v4}}.AppendTo(nil),
		"acceptance without where": RelayResponse{Version: 2, Signature: signature}.AppendTo(nil),
		"acceptance, bare":         RelayResponse{Code: 0}.AppendTo(nil)[:9],
	} {
		b[1], b[2] = byte((len(b)-3)>>8), byte(len(b)-3)
		if !roundTrip(t, b) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestBlockOrder(t *testing.T) {
	date, padding, end := AppendDateTime(nil, start), AppendPadding(nil, 2), Termination{}.AppendTo(nil)
	for _, c := range []struct {
		name   string
		blocks [][]byte
		err    error
	}{
		{"none", nil, nil},
		{"padding last", [][]byte{date, date, end, padding}, nil},
		{"unknown", [][]byte{{77, 0, 1, 9}, date}, nil},
		{"behind padding", [][]byte{padding, date}, ErrPayload},
		{"two paddings", [][]byte{padding, padding}, ErrPayload},
		{"behind termination", [][]byte{end, date}, ErrPayload},
		{"cut", [][]byte{date, date[:5]}, ErrPayload},
	} {
		t.Run(c.name, func(t *testing.T) {
			bs, n := Blocks{Payload: bytes.Join(c.blocks, nil)}, 0
			var ok bool
			var err error
			for ok = true; ok; n++ {
				_, ok, err = bs.Next()
			}
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil && n-1 != len(c.blocks) {
				t.Fatalf("%d blocks, want %d", n-1, len(c.blocks))
			}
		})
	}
}

func TestRouterInfoCompressed(t *testing.T) {
	long, short := bytes.Repeat([]byte("caps=LR;"), 100), []byte{1, 2, 3}
	for _, info := range [][]byte{long, short} {
		block := CompressRouterInfo(info)
		got, err := block.Decompress()
		if err != nil || !bytes.Equal(got, info) {
			t.Fatalf("%d bytes came back as %d, %v", len(info), len(got), err)
		}
		if len(block.Info) > len(info) || block.Len() != len(block.AppendTo(nil)) {
			t.Fatalf("%d bytes as %d in a block of %d", len(info), len(block.Info), block.Len())
		}
	}
	bomb := CompressRouterInfo(make([]byte, 1<<20))
	if _, err := bomb.Decompress(); !errors.Is(err, ErrPayload) {
		t.Fatalf("a megabyte of zeros: %v", err)
	}
	if _, err := (RouterInfo{0, make([]byte, 1<<16)}).Decompress(); !errors.Is(err, ErrPayload) {
		t.Fatalf("64 KB: %v", err)
	}
	if _, err := (RouterInfo{FlagGzip, []byte("junk")}).Decompress(); !errors.Is(err, ErrPayload) {
		t.Fatalf("junk: %v", err)
	}
}

func TestDateTimeWraps(t *testing.T) {
	late := time.Date(2106, 2, 7, 6, 28, 20, 0, time.UTC) // 4 s behind 2^32
	early := late.Add(-10 * time.Second)
	s, err := ParseDateTime(AppendDateTime(nil, late)[3:])
	if err != nil || SkewOf(s, early) != 10*time.Second {
		t.Fatalf("%v ahead, want 10s; %v", SkewOf(s, early), err)
	}
	if got := timestamp(start.Add(500 * time.Millisecond)); got != uint32(start.Unix())+1 {
		t.Fatal("half a second is not rounded up")
	}
}

func TestElicitsAck(t *testing.T) {
	quiet := []BlockType{BlockAck, BlockAddress, BlockDateTime, BlockPadding, BlockTermination}
	for typ := range parsers {
		if typ.ElicitsAck() == slices.Contains(quiet, typ) {
			t.Errorf("block %d elicits an ack: %v", typ, typ.ElicitsAck())
		}
	}
}

func TestNamesOfCodes(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{RelayAccept.String(), "accepted"},
		{RelayBobTagUnknown.String(), "refused by Bob: relay tag not found"},
		{RelayCode(9).String(), "refused by Bob: code 9"},
		{RelayCharlieAliceUnknown.String(), "refused by Charlie: Alice is unknown"},
		{RelayCode(99).String(), "refused by Charlie: code 99"},
		{RelayRefuses.String(), "refused: code 128"},
		{PeerTestBobAddress.String(), "refused by Bob: address unsupported"},
		{ReasonReplaced.String(), "replaced by a new session"},
		{Reason(99).String(), "reason 99"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func FuzzBlocks(f *testing.F) {
	for _, b := range samples() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 && !roundTrip(t, b) {
			block, rest, _ := ParseBlock(b)
			if block.Type == BlockAck {
				a, _ := ParseAck(block.Data)
				last := uint64(1) << 33
				for r := range a.All() {
					if r.Low > r.High || uint64(r.High) >= last {
						t.Fatalf("%+v: range %v", a, r)
					}
					last = uint64(r.Low)
				}
			}
			b = rest
		}
	})
}
