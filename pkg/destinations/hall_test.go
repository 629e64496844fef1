package destinations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/sockets"
	"i2ptoolkit/pkg/streaming"
)

// serve is an echo service, as anybody would write it on a net.Listener.
func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

// echo sends bytes to an echo service and wants them back.
func echo(t *testing.T, from *Local, to i2p.Destination, port uint16, size int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := from.Dial(ctx, to, port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := make([]byte, size)
	rand.NewChaCha8([32]byte{4}).Read(sent)
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	c.SetDeadline(time.Now().Add(time.Minute))
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came back, of %d: %v", len(got), size, err)
	}
}

// TestEcho: an echo service of streams and one of datagrams, on halls alone.
func TestEcho(t *testing.T) {
	inNetwork(t, 5, func(t *testing.T, n *network) {
		service := open(t, n.halls[3], Request{Keys: newKeys(t, 1), Options: asked()})
		user := open(t, n.halls[4], Request{Options: asked()})
		l, err := service.Listen(7)
		if err != nil {
			t.Fatal(err)
		}
		go serve(l)
		echo(t, user, service.Destination(), 7, 100_000)

		for _, protocol := range datagram.Protocols {
			echoDatagrams(t, protocol, service, user)
		}
		counted := func(destinations int) {
			t.Helper()
			st := n.halls[4].Stats()
			if s := st.Streams.Traffic; st.Destinations != destinations || st.Opened != 1 || s.Sent != 100_000 || s.Received != 100_000 ||
				st.Datagrams.Sent != 12 || st.Datagrams.Received != 12 || st.Streams.RoundTrips.Count() == 0 || st.Sent == 0 || st.Sessions.ExistingSealed == 0 {
				t.Errorf("%+v", st)
			}
		}
		counted(1)
		if err := errors.Join(l.Close(), service.Close(), user.Close()); err != nil {
			t.Error(err)
		}
		<-user.Done()
		counted(0) // what has ended counts on
	})
}

// TestOneKeyOnce: a key is open once on a router, and goes to who comes next once its
// user has left.
func TestOneKeyOnce(t *testing.T) {
	inNetwork(t, 4, func(t *testing.T, n *network) {
		h, keys := n.halls[3], newKeys(t, 1)
		first := open(t, h, Request{Keys: keys, Options: asked()})
		begun := time.Now()
		if _, err := h.Open(t.Context(), Request{Keys: keys, Options: asked()}); !errors.Is(err, ErrInUse) {
			t.Errorf("opened twice: %v", err)
		}
		if took := time.Since(begun); took != leavePatience {
			t.Errorf("after %v", took)
		}
		time.AfterFunc(leavePatience/2, func() { first.Close() })
		second, err := h.Open(t.Context(), Request{Keys: keys, Options: asked()})
		if err != nil {
			t.Fatal(err)
		}
		if second.resident != first.resident {
			t.Error("it did not go on as it was")
		}
		if err := second.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		second.Close()
		other := asked()
		other.Encryption = []i2p.EncryptionType{i2p.CryptoMLKEM1024X25519, i2p.CryptoX25519}
		third, err := h.Open(t.Context(), Request{Keys: keys, Options: other})
		if err != nil {
			t.Fatal(err)
		}
		if third.resident == second.resident {
			t.Error("it has the keys that it had, and was asked for others")
		}
		if n := h.Stats().Destinations; n != 1 {
			t.Errorf("%d destinations", n)
		}
	})
}

// TestEnds: a hall that ends breaks off what its destinations do, and opens no others.
func TestEnds(t *testing.T) {
	inNetwork(t, 4, func(t *testing.T, n *network) {
		h := n.halls[2]
		d := open(t, h, Request{Options: asked()})
		l, err := d.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 2)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		p, err := d.ListenPacket(datagram.Raw, 3)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _, err := p.ReadFrom(make([]byte, 10))
			ended <- err
		}()
		n.closeHalls()
		<-d.Done()
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
		if _, err := d.ListenPacket(datagram.Raw, 4); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := h.Open(t.Context(), Request{Options: asked()}); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		if _, err := d.Listen(1); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := d.Dial(t.Context(), d.Destination(), 1); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// TestErrors: who asks for what cannot be gets to know what it is.
func TestErrors(t *testing.T) {
	inNetwork(t, 5, func(t *testing.T, n *network) {
		d, err := n.halls[3].Open(t.Context(), Request{Options: asked()})
		if err != nil {
			t.Fatal(err)
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		n.halls[3].cfg.Lacks = func() string { return "there are no routers" }
		if _, err := d.Dial(hasty, newKeys(t, 1).Destination(), 1); !errors.Is(err, ErrNoTunnels) || err.Error() != "no tunnels in time: there are no routers" {
			t.Error(err)
		}
		if err := d.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Dial(t.Context(), newKeys(t, 1).Destination(), 1); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := d.Listen(5); err != nil {
			t.Error(err)
		}
		if _, err := d.Listen(5); !errors.Is(err, ErrTaken) {
			t.Error(err)
		}
		if _, err := d.ListenPacket(datagram.Raw, 5); err != nil {
			t.Error(err)
		}
		if _, err := d.ListenPacket(datagram.Raw, 5); !errors.Is(err, ErrTaken) {
			t.Error(err)
		}
		if _, err := d.ListenPacket(datagram.Streaming, 5); !errors.Is(err, sockets.ErrProtocol) {
			t.Error(err)
		}
		other := asked()
		other.Encryption = []i2p.EncryptionType{i2p.CryptoMLKEM1024X25519}
		hybrid := open(t, n.halls[4], Request{Options: other})
		if _, err := d.Dial(t.Context(), hybrid.Destination(), 1); !errors.Is(err, ErrEncryption) {
			t.Error(err)
		}
	})
}

// TestFailures: what seldom happens is one of the errors of this package as well.
func TestFailures(t *testing.T) {
	for cause, want := range map[error]error{
		netdb.ErrUnsent:    ErrUnreachable,
		netdb.ErrBusy:      ErrBusy,
		streaming.ErrLimit: ErrBusy,
	} {
		if err := failure(nil, fmt.Errorf("dialling: %w", cause)); !errors.Is(err, want) || !errors.Is(err, cause) {
			t.Errorf("%v is not %q", err, want)
		}
	}
}

// TestDemux: what arrives goes to who takes its protocol and port, else to who takes any
// port of the protocol, the port of any, or all; streams to the streams.
func TestDemux(t *testing.T) {
	inNetwork(t, 5, func(t *testing.T, n *network) {
		to := open(t, n.halls[3], Request{Options: asked()})
		from := open(t, n.halls[4], Request{Options: asked()})
		type target struct {
			protocol byte
			port     uint16
		}
		took := make(chan target, 1)
		for _, at := range []target{{200, 5}, {200, 0}, {0, 6}, {0, 0}} {
			stop, err := to.Handle(at.protocol, at.port, func(datagram.Header, []byte, i2p.Hash) { took <- at }, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
		}
		for _, tt := range []struct{ sent, want target }{
			{target{200, 5}, target{200, 5}},
			{target{200, 6}, target{200, 0}},
			{target{201, 6}, target{0, 6}},
			{target{201, 5}, target{0, 0}},
			{target{datagram.Raw, 5}, target{0, 0}},
		} {
			h := datagram.Header{Protocol: tt.sent.protocol, To: tt.sent.port}
			if err := from.Send(to.Destination().Hash(), h.AppendStored(nil, []byte("x"))); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-took:
				if got != tt.want {
					t.Errorf("%v went to %v", tt.sent, got)
				}
			case <-time.After(10 * time.Second):
				t.Errorf("nobody took %v", tt.sent)
			}
		}
		l, err := to.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		go serve(l)
		echo(t, from, to.Destination(), 6, 100)
		if err := from.Send(to.Destination().Hash(), make([]byte, client.MaxSend+1)); !errors.Is(err, client.ErrTooLong) {
			t.Error(err)
		}
	})
}

// TestReshape: the tunnels of a destination in use become others, and it goes on.
func TestReshape(t *testing.T) {
	inNetwork(t, 6, func(t *testing.T, n *network) {
		service := open(t, n.halls[4], Request{Options: asked()})
		user := open(t, n.halls[5], Request{Options: asked()})
		l, err := service.Listen(7)
		if err != nil {
			t.Fatal(err)
		}
		go serve(l)
		before, err := user.Lookup(t.Context(), service.Destination().Hash())
		if err != nil || len(before.Leases()) > 2 {
			t.Fatalf("%v, %v", before, err)
		}
		other := asked()
		other.Inbound.Quantity, other.Inbound.Length = 4, 2
		if !service.Reshape(other) || !service.Options().Equal(other) {
			t.Error("not reshaped")
		}
		time.Sleep(time.Minute)
		echo(t, user, service.Destination(), 7, 1000)
		if own, err := service.Lookup(t.Context(), service.Destination().Hash()); err != nil || len(own.Leases()) != 4 {
			t.Errorf("%d leases, %v", len(own.Leases()), err)
		}
		other.Streaming.MTU = 1000
		if service.Reshape(other) {
			t.Error("streams were reshaped")
		}
	})
}

// TestLeave: a hall whose router stops opens nothing any more. Destinations without streams end
// soon, those with some once these have ended; but nobody waits for that for ever.
func TestLeave(t *testing.T) {
	inNetwork(t, 5, func(t *testing.T, n *network) {
		service := open(t, n.halls[3], Request{Keys: newKeys(t, 1), Options: asked()})
		idle := open(t, n.halls[3], Request{Keys: newKeys(t, 2), Options: asked()})
		user := open(t, n.halls[4], Request{Options: asked()})
		l, err := service.Listen(7)
		if err != nil {
			t.Fatal(err)
		}
		go serve(l)
		c, err := user.Dial(t.Context(), service.Destination(), 7)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		n.halls[3].Leave(ctx)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("it waited %v for a stream that does not end", took)
		}
		select {
		case <-idle.Done():
		default:
			t.Error("a destination without streams is still there")
		}
		if _, err := n.halls[3].Open(t.Context(), Request{Keys: newKeys(t, 3), Options: asked()}); !errors.Is(err, ErrStopped) {
			t.Errorf("opened: %v", err)
		}
		if _, err := io.WriteString(c, "more"); err != nil {
			t.Error(err)
		}
		c.CloseWrite()
		if got, err := io.ReadAll(c); err != nil || string(got) != "more" {
			t.Errorf("%q, %v", got, err)
		}
		begun = time.Now()
		n.halls[3].Leave(t.Context())
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it waited %v when all had ended", took)
		}
	})
}

// TestKeysThatCannotSign: of a type that is read and verified alone, they are refused at once: no lease set of theirs
// would ever come.
func TestKeysThatCannotSign(t *testing.T) {
	inNetwork(t, 1, func(t *testing.T, n *network) {
		raw := make([]byte, 256+128+3+256+20) // a destination of the first kind, DSA_SHA1
		raw[len(raw)-1] = 1
		keys, _, err := i2p.ParsePrivateKeys(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := n.halls[0].Open(t.Context(), Request{Keys: keys, Options: asked()}); !errors.Is(err, ErrKeys) {
			t.Errorf("%v, %v", d, err)
		}
	})
}
