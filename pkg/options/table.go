package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// Option is one documented name, or the names that differ in their number only.
type Option struct {
	Name   string // a number at its end is N
	Values string // what it can be here; empty: nothing, for one that is not supported
	Absent string // what holds without it; empty where that goes without saying
	Doc    string // what it does, or why it does nothing
	Effect Kind   // 0 for one that is obeyed, else Moot or Unsupported
	read   func(r *reading, name, value string) *Problem
}

// Table is every option that the I2CP overview and the streaming library's page document.
func Table() []Option {
	return slices.Concat(tunnelOptions(), destinationOptions(), publishedOptions(), blindingOptions(), streamingOptions(), leftOut(), leftOutOfStreaming())
}

// find is the option of a name in a table; nil where there is none.
func find(table []Option, name string) *Option {
	family := name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		if _, err := strconv.ParseUint(name[i+1:], 10, 16); err == nil {
			family = name[:i+1] + "N"
		}
	}
	for i := range table {
		if o := &table[i]; o.Name == family && (family == name) != strings.HasSuffix(o.Name, ".N") {
			return o
		}
	}
	return nil
}

func (o *Option) apply(r *reading, name, value string) *Problem { return o.read(r, name, value) }

func invalid(format string, args ...any) *Problem {
	return &Problem{Kind: Invalid, Text: fmt.Sprintf(format, args...)}
}

// number is an option whose value is a whole number.
func number(name, doc, absent string, least, most int, to func(*reading) *int) Option {
	values := fmt.Sprintf("%d to %d", least, most)
	return Option{Name: name, Values: values, Absent: absent, Doc: doc, read: func(r *reading, _, value string) *Problem {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return invalid("%q is not a number from %d to %d", value, least, most)
		}
		*to(r) = n
		return nil
	}}
}

// millis is an option whose value is a time.
func millis(name, doc, absent string, least, most time.Duration, to func(*reading) *time.Duration) Option {
	var ms int
	o := number(name, doc, absent, int(least/time.Millisecond), int(most/time.Millisecond), func(*reading) *int { return &ms })
	o.Values += " ms"
	inner := o.read
	o.read = func(r *reading, name, value string) *Problem {
		if p := inner(r, name, value); p != nil {
			return p
		}
		*to(r) = time.Duration(ms) * time.Millisecond
		return nil
	}
	return o
}

// truth is an option that is true or false, in any case.
func truth(name, doc, absent string, set func(*reading, bool)) Option {
	return Option{Name: name, Values: "true or false", Absent: absent, Doc: doc, read: func(r *reading, _, value string) *Problem {
		switch {
		case strings.EqualFold(value, "true"):
			set(r, true)
		case strings.EqualFold(value, "false"):
			set(r, false)
		default:
			return invalid("%q is neither true nor false", value)
		}
		return nil
	}}
}

// unsupported is an option that the router does not have, but for values that ask for what
// it does anyway.
func unsupported(name, why string, fine ...string) Option {
	return Option{Name: name, Values: strings.Join(fine, ", "), Doc: why, Effect: Unsupported, read: func(_ *reading, _, value string) *Problem {
		if slices.ContainsFunc(fine, func(f string) bool { return strings.EqualFold(f, value) }) {
			return nil
		}
		return &Problem{Kind: Unsupported, Text: fmt.Sprintf("%q is not supported: %s", value, why)}
	}}
}

// moot is an option that says nothing here.
func moot(name, why string) Option {
	return Option{Name: name, Doc: why, Effect: Moot, read: func(*reading, string, string) *Problem {
		return &Problem{Kind: Moot, Text: "has no effect: " + why}
	}}
}

// tunnelOptions are those of the two pools.
func tunnelOptions() (all []Option) {
	for _, way := range []struct {
		prefix string
		pool   func(*reading) *Tunnels
	}{
		{"inbound", func(r *reading) *Tunnels { return &r.Inbound }},
		{"outbound", func(r *reading) *Tunnels { return &r.Outbound }},
	} {
		p := way.prefix
		all = append(all,
			number(p+".length", "The hops of "+p+" tunnels.", "the router's", 0, MaxLength,
				func(r *reading) *int { return &way.pool(r).Length }),
			number(p+".lengthVariance", "Up to so many hops more, at random; a negative number: more or fewer. A tunnel has 7 at most.", "0", -MaxLength, MaxLength,
				func(r *reading) *int { return &way.pool(r).Variance }),
			number(p+".quantity", "The "+p+" tunnels to keep.", "the router's", MinQuantity, MaxQuantity,
				func(r *reading) *int { return &way.pool(r).Quantity }),
			truth(p+".allowZeroHop", "With false, a length and variance that allow for a tunnel without hops are refused. There is never one that was not asked for.", "true",
				func(r *reading, yes bool) { way.pool(r).NoZero = !yes }),
		)
	}
	return all
}

// destinationOptions are those of the destination and its lease set.
func destinationOptions() []Option {
	return []Option{
		nickname("inbound.nickname", func(r *reading, s string) { r.Nickname = s }),
		nickname("outbound.nickname", func(r *reading, s string) {
			if r.Nickname == "" { // names come in their order: what inbound said is known
				r.Nickname = s
			}
		}),
		truth("i2cp.dontPublishLeaseSet", "Keep the lease set out of the netDb: peers get it with the first message to them, and nobody else finds the destination.", "false",
			func(r *reading, yes bool) { r.Unpublished = yes }),
		{Name: "i2cp.leaseSetEncType", Values: "0, 4, 5, 6, 7, with commas between", Absent: "6,4", Doc: "The encryption types of the lease set, the preferred first: X25519 (4), one of its hybrids with ML-KEM-512 (5), ML-KEM-768 (6) or ML-KEM-1024 (7), and ElGamal (0), for those who have nothing newer.", read: readEncryption},
		number("crypto.tagsToSend", "The session tags that are delivered at a time to a destination that has ElGamal only; more where many are used.", "40", 1, maxTags,
			func(r *reading) *int { return &r.Tags.Send }),
		number("crypto.lowTagThreshold", "The number of session tags below which more are delivered.", "30", 1, maxTags,
			func(r *reading) *int { return &r.Tags.Low }),
		{Name: "i2cp.leaseSetOption.N", Values: "_SERVICE._PROTO=RECORD", Doc: "A service record for the lease set, by which others find a service of the destination: _smtp._tcp=0 86400 25, where it has the service itself (for 86400 seconds, at port 25), or _smtp._tcp=1 86400 0 0 25 NAME.b32.i2p, where another has it (with priority and weight before the port; further ones follow after commas). N begins with 0.", read: readService},
		{Name: "i2cp.destination.sigType", Values: "the name or number of a type", Absent: "EdDSA_SHA512_Ed25519", Doc: "The signature type of a destination without a key file.", read: readSignature},
		{Name: "i2cp.accessList", Values: "base64 hashes or b32 addresses, with commas or spaces between", Doc: "Destinations for the next two options.", read: readAccessList},
		truth("i2cp.enableAccessList", "Take streams of the destinations in i2cp.accessList only.", "false", func(r *reading, yes bool) { r.only = yes }),
		truth("i2cp.enableBlackList", "Take no streams of the destinations in i2cp.accessList.", "false", func(r *reading, yes bool) { r.none = yes }),
	}
}

func nickname(name string, set func(*reading, string)) Option {
	return Option{Name: name, Values: "text", Doc: "A name for lists; peers do not see it. That of inbound tunnels is preferred.", read: func(r *reading, _, value string) *Problem {
		set(r, value)
		return nil
	}}
}

// maxTags is the most session tags that Java's options of those names can say.
const maxTags = 128

// spoken are the encryption types that there are sessions of.
var spoken = []i2p.EncryptionType{i2p.CryptoElGamal, i2p.CryptoX25519, i2p.CryptoMLKEM512X25519, i2p.CryptoMLKEM768X25519, i2p.CryptoMLKEM1024X25519}

// readEncryption keeps what is spoken of a list even where it refuses the rest, for callers
// to whom that is no error.
func readEncryption(r *reading, _, value string) *Problem {
	var types, left []i2p.EncryptionType
	hybrid := false
	for text := range strings.SplitSeq(value, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
		if err != nil {
			return invalid("%q is no list of encryption types such as 6,4", value)
		}
		t := i2p.EncryptionType(n)
		switch {
		case slices.Contains(types, t):
			return invalid("%q names type %d twice", value, t)
		case !slices.Contains(spoken, t), isHybrid(t) && hybrid:
			left = append(left, t)
		default:
			types = append(types, t)
			hybrid = hybrid || isHybrid(t)
		}
	}
	if len(types) > 0 {
		r.Encryption = types
	}
	if len(left) == 0 {
		return nil
	}
	if slices.Contains(spoken, left[0]) {
		return &Problem{Kind: Unsupported, Text: fmt.Sprintf("%q has more than one hybrid", value)}
	}
	name := left[0].String()
	if number := strconv.Itoa(int(left[0])); name != number {
		name += " (" + number + ")"
	}
	return &Problem{Kind: Unsupported, Text: fmt.Sprintf("this router does not speak %s: 0, 4, 5, 6 and 7 are what there is", name)}
}

func isHybrid(t i2p.EncryptionType) bool { return t > i2p.CryptoX25519 }

func readService(r *reading, _, value string) *Problem {
	key, record, found := strings.Cut(value, "=")
	if !found {
		return invalid("%q is no service record such as _smtp._tcp=1 86400 0 0 25 NAME.b32.i2p", value)
	}
	if err := leaseset.CheckServiceName(key); err != nil {
		return invalid("%v", err)
	}
	if _, err := leaseset.ParseServices(record); err != nil {
		return invalid("%v", err)
	}
	if _, err := i2p.NewMapping(map[string]string{key: record}); err != nil {
		return invalid("%v", err)
	}
	if !r.cleared {
		r.cleared, r.Services = true, map[string]string{}
	}
	r.Services[key] = record
	return nil
}

func readSignature(r *reading, _, value string) *Problem {
	t, err := sign.ParseType(value)
	if err != nil {
		return invalid("%q is no signature type", value)
	}
	if !t.CanSign() {
		return &Problem{Kind: Unsupported, Text: fmt.Sprintf("no keys of type %v are made here: EdDSA_SHA512_Ed25519 is the usual one", t)}
	}
	r.Signature = t
	return nil
}

func readAccessList(r *reading, _, value string) *Problem {
	var peers []i2p.Hash
	for _, text := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' }) {
		n, err := i2p.ParseName(text)
		if err != nil || n.Hash.IsZero() || n.Port != 0 {
			return invalid("%q is neither the base64 of a destination or its hash nor a b32 address", text)
		}
		peers = append(peers, n.Hash)
	}
	r.Access.Peers = peers
	return nil
}

const farTime = 24 * time.Hour

// streamingOptions are those of the streaming library.
func streamingOptions() []Option {
	const prefix = "i2p.streaming."
	s := func(r *reading) *Streaming { return &r.Streaming }
	limit := func(name, doc string, to func(*Limits) *int) Option {
		return number(prefix+name, doc+" 0: no limit.", "0", 0, 1<<30, func(r *reading) *int { return to(&r.Streaming.Limits) })
	}
	return []Option{
		truth(prefix+"answerPings", "Answer the streaming protocol's pings.", "true", func(r *reading, yes bool) { s(r).Silent = !yes }),
		number(prefix+"bufferSize", "The bytes of each stream that are taken ahead of what has been sent.", "131072", 4<<10, 64<<20, func(r *reading) *int { return &s(r).WriteBuffer }),
		orNever(millis(prefix+"connectTimeout", "How long to try to open a stream.", "as long as the caller waits", 1, 24*time.Hour, func(r *reading) *time.Duration { return &s(r).ConnectTimeout })),
		number(prefix+"inactivityAction", "What to do on a stream on which nothing is said: nothing (0), end it (1), send a sign of life (2).", "2", 0, 2, func(r *reading) *int { return (*int)(&s(r).InactivityAction) }),
		millis(prefix+"inactivityTimeout", "How long nothing is said before that.", "90000", time.Second, farTime, func(r *reading) *time.Duration { return &s(r).InactivityTimeout }),
		millis(prefix+"initialRTO", "How long the first packet waits for its answer where nothing is known of the way.", "9000", 100*time.Millisecond, time.Minute, func(r *reading) *time.Duration { return &s(r).InitialRTO }),
		{Name: prefix + "limitAction", Values: "reset, drop", Absent: "drop", Doc: "What becomes of streams beyond a limit.", read: readLimitAction},
		{Name: prefix + "maxConcurrentStreams", Values: "a number; 0 or less: no limit", Absent: "2048", Doc: "The most streams at a time, in and out.", read: readStreams},
		limit("maxConnsPerMinute", "Streams that one peer may open in a minute.", func(l *Limits) *int { return &l.PeerPerMinute }),
		limit("maxConnsPerHour", "Streams that one peer may open in an hour.", func(l *Limits) *int { return &l.PeerPerHour }),
		limit("maxConnsPerDay", "Streams that one peer may open in a day.", func(l *Limits) *int { return &l.PeerPerDay }),
		limit("maxTotalConnsPerMinute", "Streams that all peers may open in a minute.", func(l *Limits) *int { return &l.TotalPerMinute }),
		limit("maxTotalConnsPerHour", "Streams that all peers may open in an hour.", func(l *Limits) *int { return &l.TotalPerHour }),
		limit("maxTotalConnsPerDay", "Streams that all peers may open in a day.", func(l *Limits) *int { return &l.TotalPerDay }),
		number(prefix+"maxMessageSize", "The most bytes of data in a packet that we ask for.", "1812", 512, 16<<10, func(r *reading) *int { return &s(r).MTU }),
		number(prefix+"maxWindowSize", "The most packets of a stream that wait for their acknowledgement.", "4096", 1, 4096, func(r *reading) *int { return &s(r).MaxWindow }),
	}
}

// orNever lets a time be negative: none is set.
func orNever(o Option) Option {
	inner := o.read
	o.Values += ", or negative for ever"
	o.read = func(r *reading, name, value string) *Problem {
		if n, err := strconv.Atoi(value); err == nil && n < 0 {
			r.Streaming.ConnectTimeout = 0
			return nil
		}
		return inner(r, name, value)
	}
	return o
}

func readLimitAction(r *reading, _, value string) *Problem {
	switch value {
	case "reset":
		r.Streaming.Limits.Reset = true
	case "drop":
		r.Streaming.Limits.Reset = false
	default:
		return &Problem{Kind: Unsupported, Text: fmt.Sprintf("%q is not supported: reset and drop are", value)}
	}
	return nil
}

func readStreams(r *reading, _, value string) *Problem {
	n, err := strconv.Atoi(value)
	if err != nil || n > 1<<30 {
		return invalid("%q is no number", value)
	}
	if n <= 0 {
		n = -1
	}
	r.Streaming.Limits.Streams = n
	return nil
}

// leftOut are the options that change nothing.
func leftOut() []Option {
	const (
		encrypted  = "it is of the first kind of encrypted lease set, which is no more: i2cp.leaseSetType=5 is"
		elsewhere  = "it belongs to the key file"
		connection = "it says how an I2CP client reaches its router"
		idle       = "an idle destination stays as it is"
	)
	return []Option{
		unsupported("inbound.backupQuantity", "there are no tunnels in reserve", "0"),
		unsupported("outbound.backupQuantity", "there are no tunnels in reserve", "0"),
		unsupported("inbound.IPRestriction", "two routers of one /16 are never in a tunnel", "2"),
		unsupported("outbound.IPRestriction", "two routers of one /16 are never in a tunnel", "2"),
		unsupported("inbound.randomKey", "the order of hops is drawn anew with each start"),
		unsupported("outbound.randomKey", "the order of hops is drawn anew with each start"),
		unsupported("outbound.priority", "all destinations are served alike", "0"),
		unsupported("explicitPeers", "hops are chosen by the router"),
		unsupported("crypto.ratchet.inboundTags", "windows of tags follow the traffic"),
		unsupported("crypto.ratchet.outboundTags", "windows of tags follow the traffic"),
		unsupported("shouldBundleReplyInfo", "a peer always gets the lease set that it needs to answer", "true"),
		unsupported("i2cp.encryptLeaseSet", encrypted, "false"),
		unsupported("i2cp.leaseSetKey", encrypted),
		unsupported("i2cp.leaseSetOfflineExpiration", elsewhere),
		unsupported("i2cp.leaseSetOfflineSignature", elsewhere),
		unsupported("i2cp.leaseSetTransientPublicKey", elsewhere),
		unsupported("i2cp.leaseSetPrivateKey", "the lease set's key follows from the key file"),
		unsupported("i2cp.leaseSetSigningPrivateKey", elsewhere),
		unsupported("i2cp.closeOnIdle", idle, "false"),
		unsupported("i2cp.reduceOnIdle", idle, "false"),
		unsupported("i2cp.tcp.host", connection),
		unsupported("i2cp.tcp.port", connection),
		unsupported("i2cp.SSL", connection, "false"),
		unsupported("i2cp.username", connection),
		unsupported("i2cp.password", connection),

		moot("clientMessageTimeout", "it is unused"),
		moot("i2cp.fastReceive", "messages are always handed over at once"),
		moot("i2cp.messageReliability", "messages are always sent as best we can"),
		moot("i2cp.gzip", "what a packet holds decides whether it is compressed"),
		moot("i2cp.closeIdleTime", idle),
		moot("i2cp.reduceIdleTime", idle),
		moot("i2cp.reduceQuantity", idle),
	}
}

// leftOutOfStreaming are those of the streaming library.
func leftOutOfStreaming() []Option {
	const (
		s          = "i2p.streaming."
		congestion = "congestion control follows the path that it measures"
		contextual = "it is for a whole Java router"
	)
	return []Option{
		unsupported(s+"congestionAvoidanceGrowthRateFactor", congestion),
		unsupported(s+"slowStartGrowthRateFactor", congestion),
		unsupported(s+"initialWindowSize", congestion),
		unsupported(s+"maxResends", "a peer is given up after a time, not after a number of packets"),
		unsupported(s+"profile", "there is the bulk profile", "1"),
		unsupported(s+"enforceProtocol", "a stream is one of protocol 6", "true"),
		unsupported(s+"connectDelay", "a stream is opened at once", "-1", "0"),
		unsupported(s+"readTimeout", "reading waits as long as the reader does", "-1"),
		unsupported(s+"writeTimeout", "writing waits as long as the writer does", "-1"),
		unsupported(s+"blacklist", contextual),
		unsupported(s+"dsalist", contextual),
		unsupported(s+"tcbcache.rttDampening", contextual),
		unsupported(s+"tcbcache.rttdevDampening", contextual),
		unsupported(s+"tcbcache.wdwDampening", contextual),
		moot(s+"disableRejectLogging", "what is rejected is counted and not logged"),
		moot(s+"initialAckDelay", "acknowledgements follow the round trip"),
		moot(s+"initialResendDelay", "it is a field of the packet that says nothing"),
		moot(s+"initialRTT", "it is disabled; i2p.streaming.initialRTO is what there is"),
	}
}
