package options

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// TestParse: each option that is obeyed says what its value says.
// Keys of 32 bytes.
const (
	keyA = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
	keyB = "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
)

// TestBlindingTogether: what is said of encrypted lease sets has to go together.
func TestBlindingTogether(t *testing.T) {
	for _, tt := range []struct {
		named map[string]string
		kind  Kind
		text  string
	}{
		{map[string]string{"i2cp.leaseSetType": "5", "i2cp.leaseSetAuthType": "1"}, Invalid, "no client with a key"},
		{map[string]string{"i2cp.leaseSetType": "5", "i2cp.leaseSetAuthType": "1", "i2cp.leaseSetClient.psk.0": "YQ==:" + keyA}, Invalid, "says 1, and these are for 2"},
		{map[string]string{"i2cp.leaseSetAuthType": "2", "i2cp.leaseSetClient.psk.0": "YQ==:" + keyA}, Moot, "not encrypted"},
	} {
		_, problems := Parse(Default(), tt.named)
		if len(problems) == 0 || problems[0].Kind != tt.kind || !strings.Contains(problems[0].Text, tt.text) {
			t.Errorf("%v: %v", tt.named, problems)
		}
	}
	o, _ := Parse(Default(), map[string]string{"i2cp.leaseSetPrivKey": keyA, "i2cp.leaseSetSecret": "b3Blbg=="})
	if text := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(text, "aaaa") || strings.Contains(text, "open") {
		t.Errorf("secrets are printed: %s", text)
	}
}

func TestParse(t *testing.T) {
	h, other := i2p.HashOf([]byte("a peer")), i2p.HashOf([]byte("another"))
	for _, tt := range []struct {
		named map[string]string
		want  func(*Options)
	}{
		{map[string]string{}, func(o *Options) {}},
		{map[string]string{"inbound.length": "0", "outbound.length": "7"}, func(o *Options) { o.Inbound.Length, o.Outbound.Length = 0, 7 }},
		{map[string]string{"inbound.lengthVariance": "-2", "outbound.quantity": "16"}, func(o *Options) { o.Inbound.Variance, o.Outbound.Quantity = -2, 16 }},
		{map[string]string{"inbound.allowZeroHop": "false"}, func(o *Options) { o.Inbound.NoZero = true }},
		{map[string]string{"inbound.nickname": "in", "outbound.nickname": "out"}, func(o *Options) { o.Nickname = "in" }},
		{map[string]string{"outbound.nickname": "out"}, func(o *Options) { o.Nickname = "out" }},
		{map[string]string{"i2cp.dontPublishLeaseSet": "TRUE"}, func(o *Options) { o.Unpublished = true }},
		{map[string]string{"i2cp.leaseSetEncType": "6,4"}, func(o *Options) { o.Encryption = []i2p.EncryptionType{6, 4} }},
		{map[string]string{"i2cp.leaseSetEncType": "7"}, func(o *Options) { o.Encryption = []i2p.EncryptionType{7} }},
		{map[string]string{"i2cp.leaseSetType": "5", "i2cp.leaseSetSecret": "b3Blbg=="}, func(o *Options) { o.Blinding = Blinding{Own: true, Secret: "open"} }},
		{map[string]string{"i2cp.leaseSetType": "5", "i2cp.leaseSetAuthType": "2", "i2cp.leaseSetClient.psk.0": "YQ==:" + keyA, "i2cp.leaseSetClient.psk.1": "YQ==:" + keyB},
			func(o *Options) {
				o.Blinding = Blinding{Own: true, Admission: leaseset.ByPSK, Clients: strings.Repeat("a", 32) + strings.Repeat("b", 32)}
			}},
		{map[string]string{"i2cp.leaseSetType": "5", "i2cp.leaseSetClient.dh.0": "YQ==:" + keyA},
			func(o *Options) {
				o.Blinding = Blinding{Own: true, Admission: leaseset.ByDH, Clients: strings.Repeat("a", 32)}
			}},
		{map[string]string{"i2cp.leaseSetPrivKey": keyA}, func(o *Options) { o.Blinding.Key = strings.Repeat("a", 32) }},
		{map[string]string{"i2cp.leaseSetOption.0": "_smtp._tcp=1 86400 0 0 25 a.i2p a=b", "i2cp.leaseSetOption.1": "_x._udp=0 1 2"},
			func(o *Options) {
				o.Services = map[string]string{"_smtp._tcp": "1 86400 0 0 25 a.i2p a=b", "_x._udp": "0 1 2"}
			}},
		{map[string]string{"i2cp.leaseSetType": "7", "i2cp.leaseSetMeta.0": h.B32() + " 9", "i2cp.leaseSetMeta.1": other.String()},
			func(o *Options) { o.Meta = []leaseset.MetaLease{{Hash: h, Cost: 9}, {Hash: other}} }},
		{map[string]string{"i2cp.destination.sigType": "11"}, func(o *Options) { o.Signature = sign.RedDSA_SHA512_Ed25519 }},
		{map[string]string{"i2cp.accessList": h.String() + ", " + h.B32(), "i2cp.enableAccessList": "true"},
			func(o *Options) { o.Access = Access{OnlyListed, []i2p.Hash{h, h}} }},
		{map[string]string{"i2cp.accessList": h.String(), "i2cp.enableBlackList": "true"}, func(o *Options) { o.Access = Access{NoneListed, []i2p.Hash{h}} }},
		{map[string]string{"i2p.streaming.answerPings": "false"}, func(o *Options) { o.Streaming.Silent = true }},
		{map[string]string{"i2p.streaming.connectTimeout": "5000"}, func(o *Options) { o.Streaming.ConnectTimeout = 5 * time.Second }},
		{map[string]string{"i2p.streaming.connectTimeout": "-1"}, func(o *Options) {}},
		{map[string]string{"i2p.streaming.inactivityAction": "1", "i2p.streaming.inactivityTimeout": "1000"},
			func(o *Options) {
				o.Streaming.InactivityAction, o.Streaming.InactivityTimeout = InactivityDisconnect, time.Second
			}},
		{map[string]string{"i2p.streaming.limitAction": "reset", "i2p.streaming.maxConnsPerHour": "9", "i2p.streaming.maxConcurrentStreams": "0"},
			func(o *Options) { o.Streaming.Limits = Limits{Streams: -1, PeerPerHour: 9, Reset: true} }},
		{map[string]string{"inbound.backupQuantity": "0", "i2cp.leaseSetType": "3", "i2cp.SSL": "False"}, func(o *Options) {}},
	} {
		want := Default()
		tt.want(&want)
		got, problems := Parse(Default(), tt.named)
		if err := problems.Err(); err != nil {
			t.Errorf("%v: %v", tt.named, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", tt.named, diff)
		}
	}
}

// TestProblems: what is not taken is told, by kind, and changes nothing else.
func TestProblems(t *testing.T) {
	h := i2p.HashOf([]byte("a mirror"))
	for _, tt := range []struct {
		name, value string
		kind        Kind
		text        string
	}{
		{"i2cp.dontPublishLeaseset", "true", Unknown, "i2cp.dontPublishLeaseset is no option: did you mean i2cp.dontPublishLeaseSet?"},
		{"i2cp.dontPubishLeaseSet", "true", Unknown, "did you mean i2cp.dontPublishLeaseSet?"},
		{"inbound.lenght", "3", Unknown, "did you mean inbound.length?"},
		{"length", "3", Unknown, "length is no option"},
		{"", "3", Unknown, " is no option"},
		{"i2cp.leaseSetOption", "x", Unknown, "did you mean i2cp.leaseSetOption.N?"},
		{"i2cp.leaseSetOption.N", "x", Unknown, ""},
		{"inbound.length.0", "1", Unknown, ""},
		{"inbound.length", "8", Invalid, `inbound.length: "8" is not a number from 0 to 7`},
		{"inbound.length", "", Invalid, `"" is not a number`},
		{"inbound.quantity", "0", Invalid, "from 1 to 16"},
		{"i2cp.dontPublishLeaseSet", "yes", Invalid, `"yes" is neither true nor false`},
		{"i2cp.leaseSetEncType", "ecies", Invalid, "no list of encryption types"},
		{"i2cp.leaseSetEncType", "4,4", Invalid, "twice"},
		{"i2cp.leaseSetEncType", "1", Unsupported, "P256 (1)"},
		{"i2cp.leaseSetEncType", "4,1", Unsupported, "P256 (1)"},
		{"i2cp.leaseSetEncType", "0,0", Invalid, "twice"},
		{"crypto.tagsToSend", "200", Invalid, "from 1 to 128"},
		{"i2cp.leaseSetEncType", "4,99", Unsupported, "speak 99: "},
		{"i2cp.leaseSetEncType", "6,7,4", Unsupported, "more than one hybrid"},
		{"i2cp.leaseSetOption.3", "smtp", Invalid, "no service record"},
		{"i2cp.leaseSetOption.3", "_smtp._TCP=0 1 25", Invalid, "none such as _smtp._tcp"},
		{"i2cp.leaseSetOption.3", "_smtp._tcp=25", Invalid, "not with 0 or 1"},
		{"i2cp.leaseSetOption.3", "_a._tcp=0 1 2 " + strings.Repeat("x", 256), Invalid, "255"},
		{"i2cp.destination.sigType", "rot13", Invalid, "no signature type"},
		{"i2cp.destination.sigType", "DSA_SHA1", Unsupported, "DSA_SHA1"},
		{"i2cp.accessList", "nobody", Invalid, "nobody"},
		{"i2cp.leaseSetClient.dh.7", "a:b", Invalid, "no base64 of 32 bytes"},
		{"i2cp.leaseSetClient.psk.0", "YQ==", Invalid, "no NAME:KEY"},
		{"i2cp.leaseSetPrivKey", "c2VjcmV0", Invalid, "its key is no base64 of 32 bytes"},
		{"i2cp.leaseSetSecret", "!", Invalid, "it is no base64"},
		{"i2cp.leaseSetAuthType", "3", Invalid, "none of 0, 1 and 2"},
		{"i2cp.leaseSetBlindedType", "7", Unsupported, "RedDSA"},
		{"i2cp.encryptLeaseSet", "true", Unsupported, "i2cp.leaseSetType=5"},
		{"i2cp.leaseSetType", "1", Unsupported, "type 3, 5 or 7"},
		{"i2cp.leaseSetType", "7", Invalid, "i2cp.leaseSetMeta.0 names none"},
		{"i2cp.leaseSetMeta.0", h.B32(), Moot, "i2cp.leaseSetType=7"},
		{"i2cp.leaseSetMeta.0", h.B32() + " 256", Invalid, `"256" is no cost`},
		{"i2cp.leaseSetMeta.0", h.B32() + " 1 2", Invalid, "no address"},
		{"i2cp.leaseSetMeta.0", "mirror.i2p", Invalid, "nor a b32 address"},
		{"i2cp.tcp.host", "127.0.0.1", Unsupported, "how an I2CP client reaches its router"},
		{"i2p.streaming.limitAction", "http", Unsupported, "reset and drop"},
		{"i2p.streaming.maxConcurrentStreams", "many", Invalid, "no number"},
		{"i2cp.gzip", "true", Moot, "has no effect"},
	} {
		o, problems := Parse(Default(), map[string]string{tt.name: tt.value})
		if len(problems) != 1 || problems[0].Kind != tt.kind || !strings.Contains(problems[0].Error(), tt.text) {
			t.Errorf("%s=%s: %v", tt.name, tt.value, problems)
		}
		if tt.name != "i2cp.leaseSetEncType" && !o.Equal(Default()) {
			t.Errorf("%s=%s changed something", tt.name, tt.value)
		}
	}
}

// TestZeroHop: who wants no tunnel without hops is told where what else was asked for allows one.
func TestZeroHop(t *testing.T) {
	for _, tt := range []struct {
		length, variance string
		refused          bool
	}{{"0", "0", true}, {"1", "0", false}, {"1", "-1", true}, {"2", "-1", false}, {"0", "2", true}} {
		_, problems := Parse(Default(), map[string]string{
			"inbound.allowZeroHop": "false", "inbound.length": tt.length, "inbound.lengthVariance": tt.variance,
		})
		if refused := len(problems) == 1 && problems[0].Kind == Invalid; refused != tt.refused {
			t.Errorf("%+v: %v", tt, problems)
		}
	}
}

// TestSeveralProblems: all are told, those of a kind that the caller does not mind left out.
func TestSeveralProblems(t *testing.T) {
	o, problems := Parse(Default(), map[string]string{"i2cp.gzip": "true", "x": "1", "inbound.length": "9", "outbound.length": "1", "i2cp.leaseSetEncType": "6,1"})
	var kinds []Kind
	for _, p := range problems {
		kinds = append(kinds, p.Kind)
	}
	if !slices.Equal(kinds, []Kind{Moot, Unsupported, Invalid, Unknown}) || o.Outbound.Length != 1 {
		t.Errorf("%v, %+v", problems, o)
	}
	if !slices.Equal(o.Encryption, []i2p.EncryptionType{6}) {
		t.Errorf("what is spoken of 6,1: %v", o.Encryption)
	}
	if rest := problems.But(Moot, Unsupported); len(rest) != 2 || rest.Error() != `inbound.length: "9" is not a number from 0 to 7; x is no option` {
		t.Error(rest)
	}
	if err := problems.But(Moot, Unsupported, Invalid, Unknown).Err(); err != nil {
		t.Error(err)
	}
}

// TestAllows: an access list is what its rule makes of it.
func TestAllows(t *testing.T) {
	a, b := i2p.HashOf([]byte("a")), i2p.HashOf([]byte("b"))
	for rule, want := range map[AccessRule][2]bool{Everybody: {true, true}, OnlyListed: {true, false}, NoneListed: {false, true}} {
		list := Access{rule, []i2p.Hash{a}}
		if got := [2]bool{list.Allows(a), list.Allows(b)}; got != want {
			t.Errorf("rule %d: %v", rule, got)
		}
	}
}

// TestTable: no name stands twice, and each says something of itself.
func TestTable(t *testing.T) {
	seen, table := map[string]bool{}, Table()
	for _, o := range table {
		if seen[o.Name] || o.Doc == "" || o.read == nil {
			t.Errorf("%+v", o)
		}
		seen[o.Name] = true
		if o.Effect == 0 && (o.Values == "" || !strings.HasSuffix(o.Doc, ".")) {
			t.Errorf("%s: values %q, %q", o.Name, o.Values, o.Doc)
		}
		name := strings.Replace(o.Name, ".N", ".12", 1)
		if found := find(table, name); found == nil || found.Name != o.Name {
			t.Errorf("%s is not found", name)
		}
	}
}

// TestDocumented: every name of the I2CP overview and of the streaming library's page is known.
func TestDocumented(t *testing.T) {
	const documented = `
clientMessageTimeout crypto.lowTagThreshold crypto.ratchet.inboundTags crypto.ratchet.outboundTags crypto.tagsToSend
explicitPeers i2cp.dontPublishLeaseSet i2cp.fastReceive i2cp.leaseSetAuthType i2cp.leaseSetEncType
i2cp.leaseSetOfflineExpiration i2cp.leaseSetOfflineSignature i2cp.leaseSetPrivKey i2cp.leaseSetSecret
i2cp.leaseSetTransientPublicKey i2cp.leaseSetType i2cp.messageReliability i2cp.password i2cp.username
inbound.allowZeroHop outbound.allowZeroHop inbound.backupQuantity outbound.backupQuantity inbound.IPRestriction
outbound.IPRestriction inbound.length outbound.length inbound.lengthVariance outbound.lengthVariance inbound.nickname
outbound.nickname outbound.priority inbound.quantity outbound.quantity inbound.randomKey outbound.randomKey
shouldBundleReplyInfo i2cp.closeIdleTime i2cp.closeOnIdle i2cp.encryptLeaseSet i2cp.gzip i2cp.leaseSetBlindedType
i2cp.leaseSetClient.dh.0 i2cp.leaseSetClient.psk.0 i2cp.leaseSetKey i2cp.leaseSetOption.0 i2cp.leaseSetPrivateKey
i2cp.leaseSetSigningPrivateKey i2cp.reduceIdleTime i2cp.reduceOnIdle i2cp.reduceQuantity i2cp.SSL i2cp.tcp.host
i2cp.tcp.port i2cp.accessList i2cp.destination.sigType i2cp.enableAccessList i2cp.enableBlackList
i2p.streaming.answerPings i2p.streaming.blacklist i2p.streaming.bufferSize
i2p.streaming.congestionAvoidanceGrowthRateFactor i2p.streaming.connectDelay i2p.streaming.connectTimeout
i2p.streaming.disableRejectLogging i2p.streaming.dsalist i2p.streaming.enforceProtocol i2p.streaming.inactivityAction
i2p.streaming.inactivityTimeout i2p.streaming.initialAckDelay i2p.streaming.initialResendDelay
i2p.streaming.initialRTO i2p.streaming.initialRTT i2p.streaming.initialWindowSize i2p.streaming.limitAction
i2p.streaming.maxConcurrentStreams i2p.streaming.maxConnsPerMinute i2p.streaming.maxConnsPerHour
i2p.streaming.maxConnsPerDay i2p.streaming.maxMessageSize i2p.streaming.maxResends
i2p.streaming.maxTotalConnsPerMinute i2p.streaming.maxTotalConnsPerHour i2p.streaming.maxTotalConnsPerDay
i2p.streaming.maxWindowSize i2p.streaming.profile i2p.streaming.readTimeout
i2p.streaming.slowStartGrowthRateFactor i2p.streaming.tcbcache.rttDampening
i2p.streaming.tcbcache.rttdevDampening i2p.streaming.tcbcache.wdwDampening i2p.streaming.writeTimeout`
	table := Table()
	for name := range strings.FieldsSeq(documented) {
		if find(table, name) == nil {
			t.Errorf("%s is not known", name)
		}
	}
}

// TestUnknownCostsLittle: of names that nobody knows a stranger may send thousands at once.
func TestUnknownCostsLittle(t *testing.T) {
	const n = 1000
	named := map[string]string{}
	for i := range n {
		named[fmt.Sprintf("inbound.lenght%05d", i)] = ""
	}
	allocs := func(named map[string]string) float64 {
		return testing.AllocsPerRun(3, func() { Parse(Default(), named) })
	}
	if each := (allocs(named) - allocs(nil)) / n; each > 5 {
		t.Errorf("%.1f allocations for each name", each)
	}
}

// BenchmarkUnknown: a program may ask for as many bytes of options that nobody knows as a mapping has
// room for, or by SAM for one whose name is as long.
func BenchmarkUnknown(b *testing.B) {
	many := map[string]string{}
	for i := range 0xffff / 20 {
		many[fmt.Sprintf("inbound.lenght%05d", i)] = ""
	}
	for name, named := range map[string]map[string]string{
		"many": many, "long": {strings.Repeat("x", 0xffff): ""},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, problems := Parse(Default(), named); len(problems) != len(named) {
					b.Fatal(problems)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("i2cp.leaseSetEncType", "6,4")
	f.Add("i2cp.leaseSetOption.0", "_a._b=c")
	f.Add("i2cp.accessList", "a, b")
	f.Fuzz(func(t *testing.T, name, value string) {
		o, problems := Parse(Default(), map[string]string{name: value})
		for _, p := range problems {
			if p.Kind == 0 || p.Error() == "" {
				t.Errorf("%+v", p)
			}
		}
		if o.Inbound.Length < 0 || o.Inbound.Length > MaxLength || o.Inbound.Quantity < MinQuantity || len(o.Encryption) == 0 {
			t.Errorf("%+v", o)
		}
	})
}

// TestMetaTwice: one that is named twice is told, and so is what serves only without a type.
func TestMetaTwice(t *testing.T) {
	h := i2p.HashOf([]byte("a mirror"))
	_, problems := Parse(Default(), map[string]string{"i2cp.leaseSetType": "7", "i2cp.leaseSetMeta.0": h.B32(), "i2cp.leaseSetMeta.1": h.String() + " 3"})
	if len(problems) != 1 || problems[0].Name != "i2cp.leaseSetMeta.1" || !strings.Contains(problems[0].Text, "named twice") {
		t.Error(problems)
	}
	named := Default()
	named.Meta = []leaseset.MetaLease{{Hash: h}}
	if o, problems := Parse(named, map[string]string{"inbound.length": "2"}); len(problems) > 0 || len(o.Meta) != 1 {
		t.Errorf("beside other options: %v, %+v", problems, o.Meta)
	}
	if o, problems := Parse(named, map[string]string{"i2cp.leaseSetType": "3"}); len(problems) > 0 || o.Meta != nil || o.SameEngines(named) {
		t.Errorf("no longer: %v, %+v", problems, o.Meta)
	}
}
