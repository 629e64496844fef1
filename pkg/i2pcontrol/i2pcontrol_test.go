package i2pcontrol

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/profile"
)

// router is one that counts what it is told.
type router struct {
	mu      sync.Mutex
	traffic control.Traffic
	told    []string
	changed string // last
	apply   func() // what is set; nil: nothing is to be done
}

func (r *router) Status() control.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return control.Status{
		State: "running", Version: "1.0", UptimeSeconds: 61, Sessions: 7, Addresses: []string{"NTCP2 192.0.2.1:12345"},
		Known: control.Known{Routers: 100}, Tunnels: control.TunnelCounts{Transit: 5}, Traffic: r.traffic,
	}
}

func (r *router) tell(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, what)
}

func (r *router) Stop()           { r.tell("stop") }
func (r *router) StopGracefully() { r.tell("graceful stop") }
func (r *router) Reseed(context.Context, []string) (control.Reseed, error) {
	r.tell("reseed")
	return control.Reseed{}, nil
}

// set takes what is set, but for 13 and 14 KBps.
func (r *router) set(to Changes) (restart bool, err error) {
	var all []string
	tell := func(name string, is bool, value func() any) {
		if is {
			all = append(all, strings.TrimSpace(fmt.Sprint(name, " ", value())))
		}
	}
	tell("in", to.In != nil, func() any { return *to.In })
	tell("out", to.Out != nil, func() any { return *to.Out })
	tell("share", to.Share != nil, func() any { return *to.Share })
	tell("port", to.Port != nil, func() any { return *to.Port })
	tell("hosts", to.Hosts != nil, func() any { return *to.Hosts })
	tell("upnp", to.UPnP != nil, func() any { return *to.UPnP })
	tell("listen", to.Listen != nil, func() any { return *to.Listen })
	tell("password", to.Password != nil, func() any {
		if bcrypt.CompareHashAndPassword([]byte(*to.Password), []byte("other")) != nil {
			return "of something else"
		}
		return ""
	})
	if to.In != nil && *to.In == 13 {
		return false, control.Errorf(control.BadData, "13")
	}
	if to.In != nil && *to.In == 14 {
		return false, errors.New("14")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = strings.Join(all, ", ")
	if r.apply != nil {
		r.apply()
	}
	return to.Port != nil, nil
}

func newServer(r *router) *Server {
	return New(Config{
		Router: r, TokenFor: 10 * time.Minute, Groups: func() profile.Stats { return profile.Stats{Fast: 3, HighCapacity: 4} },
		Settings: func() Settings {
			return Settings{NTCPHost: "192.0.2.1", NTCPPort: 12345, In: 100, Out: 50, Share: 80, Listen: []string{"unix:a:1", "127.0.0.1:7650"}}
		},
		Set: r.set,
	})
}

// knows is a client whose password is "right".
type knows struct{}

func (knows) Login(_ context.Context, user, password string) bool {
	return user == User && password == "right"
}
func (knows) Greeted() bool  { return true }
func (knows) After(f func()) { f() }

// TestConversation has every call of a conversation answered.
func TestConversation(t *testing.T) {
	text, err := os.ReadFile("testdata/conversation.txt")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &router{}
		s := newServer(r)
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go s.Run(ctx)
		token, answer := "", []byte(nil)
		for i, line := range strings.Split(string(text), "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			rest := strings.ReplaceAll(strings.TrimPrefix(line[1:], " "), "{token}", token)
			switch line[0] {
			case '>':
				answer = s.calls(ctx, knows{}, []byte(rest))
				synctest.Wait()
			case '!':
				r.pass(t, rest)
			case '=':
				if r.changed != rest {
					t.Errorf("line %d: %s was set, want %s", i+1, r.changed, rest)
				}
			case '<':
				if got := tokenOf(answer); got != "" {
					token = got
					rest = strings.ReplaceAll(rest, `"Token":""`, `"Token":"`+token+`"`)
					rest = strings.ReplaceAll(rest, "{token}", token)
				}
				if err := same(answer, rest); err != nil {
					t.Errorf("line %d: %v", i+1, err)
				}
			}
		}
		synctest.Wait()
		if got := strings.Join(r.told, ", "); got != "reseed, graceful stop, stop" {
			t.Errorf("the router was told: %s", got)
		}
		if st := s.Stats(); st.Calls == 0 || st.Refused != 7 || st.Malformed != 5 {
			t.Errorf("%+v", st)
		}
	})
}

// pass has time pass as a line says.
func (r *router) pass(t *testing.T, line string) {
	var n int
	var in, out uint64
	if _, err := fmt.Sscanf(line, "%d s, %d bytes in and %d out in each", &n, &in, &out); err != nil {
		var hours int
		if _, err := fmt.Sscanf(line, "%d h", &hours); err != nil {
			t.Fatal(line)
		}
		time.Sleep(time.Duration(hours) * time.Hour)
		return
	}
	for range n {
		r.mu.Lock()
		r.traffic.BytesIn += in
		r.traffic.BytesOut += out
		r.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

func tokenOf(answer []byte) string {
	var a struct{ Result struct{ Token string } }
	json.Unmarshal(answer, &a)
	return a.Result.Token
}

// same compares JSON. ANY in what is wanted is whatever is not null.
func same(got []byte, want string) error {
	if want == "" {
		if len(got) > 0 {
			return fmt.Errorf("%s, want nothing", got)
		}
		return nil
	}
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		return fmt.Errorf("%s: %w", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		return err
	}
	if g = blank(g, w); !reflect.DeepEqual(g, w) {
		return fmt.Errorf("%s, want %s", got, want)
	}
	return nil
}

// blank puts ANY where want has it.
func blank(got, want any) any {
	switch w := want.(type) {
	case string:
		if w == "ANY" && got != nil {
			return "ANY"
		}
	case map[string]any:
		if g, is := got.(map[string]any); is {
			for k := range w {
				g[k] = blank(g[k], w[k])
			}
		}
	case []any:
		if g, is := got.([]any); is && len(g) == len(w) {
			for i := range w {
				g[i] = blank(g[i], w[i])
			}
		}
	}
	return got
}

// TestDoor calls through a door, with TLS, and sends there what is no call.
func TestDoor(t *testing.T) {
	hash, err := door.Hash("right")
	if err != nil {
		t.Fatal(err)
	}
	r := &router{}
	s := newServer(r)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.New(door.Config{Name: "i2pcontrol", Serve: s.Serve, Listen: func(string, string) (net.Listener, error) { return l, nil }})
	settings := door.Settings{Enabled: true, TLS: true, Auth: true, Users: []string{User + ":" + hash}, Listen: []string{l.Addr().String()}}
	if err := d.Apply(settings); err != nil {
		t.Fatal(err)
	}
	r.apply = func() {
		settings.PerAddress++
		if err := d.Apply(settings); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	at := "https://" + l.Addr().String()
	cl := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer cl.CloseIdleConnections()
	post := func(body string) string {
		t.Helper()
		resp, err := cl.Post(at, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	token := tokenOf([]byte(post(`{"jsonrpc":"2.0","id":1,"method":"Authenticate","params":{"API":1,"Password":"right"}}`)))
	if token == "" {
		t.Fatal("no token")
	}
	if got := post(`{"jsonrpc":"2.0","id":2,"method":"Echo","params":{"Echo":"a","Token":"` + token + `"}}`); !strings.Contains(got, `"Result":"a"`) {
		t.Error(got)
	}
	if got := post(`{"jsonrpc":"2.0","id":2,"method":"Authenticate","params":{"API":1,"Password":"wrong"}}`); !strings.Contains(got, "-32001") {
		t.Error(got)
	}
	// Who has said the password on another connection has the answer to what changes the door itself.
	cl.CloseIdleConnections()
	if got := post(`{"jsonrpc":"2.0","id":3,"method":"I2PControl","params":{"i2pcontrol.port":"7651","Token":"` + token + `"}}`); !strings.Contains(got, `"SettingsSaved":true`) {
		t.Error(got)
	}
	post(strings.Repeat("x", maxBody+1))
	if st := s.Stats(); st.Malformed != 1 || st.Refused != 1 {
		t.Errorf("%+v", st)
	}
	resp, err := cl.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp.Status)
	}
}

// TestPassword: a token is no good once the password is another.
func TestPassword(t *testing.T) {
	s := newServer(&router{})
	s.Password("one")
	call := func(token string) string {
		return string(s.calls(t.Context(), knows{}, []byte(`{"jsonrpc":"2.0","id":1,"method":"Echo","params":{"Echo":"a","Token":"`+token+`"}}`)))
	}
	token, _ := s.newToken("one")
	s.Password("one")
	if got := call(token); !strings.Contains(got, `"Result":"a"`) {
		t.Error(got)
	}
	s.Password("two")
	if got := call(token); !strings.Contains(got, "-32003") {
		t.Error(got)
	}
}

// meanwhile is a client whose password is right, and becomes another as it is looked at.
type meanwhile struct {
	knows
	changes func()
}

func (m meanwhile) Login(context.Context, string, string) bool {
	m.changes()
	return true
}

// TestPasswordMeanwhile: the password that was right before it was changed gives no token.
func TestPasswordMeanwhile(t *testing.T) {
	s := newServer(&router{})
	s.Password("one")
	ask := []byte(`{"jsonrpc":"2.0","id":1,"method":"Authenticate","params":{"API":1,"Password":"right"}}`)
	for changed, want := range map[string]string{"one": `"Token":"`, "two": "-32001"} {
		got := string(s.calls(t.Context(), meanwhile{changes: func() { s.Password(changed) }}, ask))
		if !strings.Contains(got, want) || strings.Contains(got, "Token") != (changed == "one") {
			t.Errorf("%s: %s", changed, got)
		}
		s.Password("one")
	}
}

// TestNetStatus: who is introduced to others is not told that all is well.
func TestNetStatus(t *testing.T) {
	for want, states := range map[int][]control.ReachState{
		netOK: {control.ReachFirewalled, control.ReachOK}, netTesting: {control.ReachNoAddress, control.ReachUnknown},
		netFirewalled: {control.ReachFirewalled, control.ReachNoAddress}, netSymmetric: {control.ReachSymmetricNAT}, netNobody: {control.ReachDisconnected},
	} {
		st := control.Status{Addresses: []string{"SSU2 by 3 introducers"}}
		for _, s := range states {
			st.Reach = append(st.Reach, control.Reach{State: s})
		}
		if got := netStatus(st); got != want {
			t.Errorf("%v: %d, expected %d", states, got, want)
		}
	}
}
