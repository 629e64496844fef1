package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var updateBridges = flag.Bool("update-bridges", false, "write anew what i2pd's BOB and I2PControl answer otherwise")

// TestBridges has i2pd's BOB and I2PControl answer the conversations that ours answer: what they say otherwise is
// listed in testdata, with who is right.
func TestBridges(t *testing.T) {
	ctx := gate(t, 5*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Sid, Sid}, Each: func(i int, c *I2PDConfig) { c.Bridges = i == 0 }})
	if err := n.AwaitMesh(ctx, time.Minute, 1); err != nil {
		t.Fatal(err)
	}
	r := n.I2PD[0]
	t.Run("BOB", func(t *testing.T) {
		compareBridge(t, "../bob/testdata/conversation.txt", "bob-i2pd.txt", bobOf(t, ctx, r))
	})
	t.Run("I2PControl", func(t *testing.T) {
		compareBridge(t, "../i2pcontrol/testdata/conversation.txt", "i2pcontrol-i2pd.txt", controlOf(t, ctx, r))
	})
}

// longBase64 are destinations and keys.
var longBase64 = regexp.MustCompile(`[A-Za-z0-9~=-]{500,}`)

// compareBridge says the lines of a conversation, and lists those whose answer differs.
func compareBridge(t *testing.T, conversation, golden string, ask func(line string) string) {
	text, err := os.ReadFile(conversation)
	if err != nil {
		t.Fatal(err)
	}
	var said string
	var wanted, differs []string
	same := 0
	flush := func() {
		if said == "" {
			return
		}
		if strings.Contains(said, "Shutdown") { // it would
			return
		}
		want, got := strings.Join(wanted, "; "), ask(said)
		if strings.HasSuffix(golden, "i2pcontrol-i2pd.txt") {
			want, got = shape(want), shape(got)
		}
		if equalAnswer(want, got) {
			same++
			return
		}
		differs = append(differs, "> "+said+"\nours: "+want+"\ni2pd: "+got)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "> "):
			flush()
			said, wanted = line[2:], nil
		case strings.HasPrefix(line, "<") && said != "":
			wanted = append(wanted, strings.TrimPrefix(line[1:], " "))
		}
	}
	flush()
	t.Logf("%d answers are the same, %d differ", same, len(differs))
	path := "testdata/" + golden
	if *updateBridges {
		if err := os.WriteFile(path, []byte(strings.Join(differs, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	listed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for line := range strings.Lines(string(listed)) {
		if !strings.HasPrefix(line, "#") {
			known = append(known, line)
		}
	}
	if got, want := strings.Join(differs, "\n\n"), strings.TrimSpace(strings.Join(known, "")); got != want {
		t.Errorf("i2pd answers otherwise than listed in %s:\n%s", path, got)
	}
}

// equalAnswer compares an answer with what ours is: a text, or a pattern.
func equalAnswer(want, got string) bool {
	if pattern, is := strings.CutPrefix(want, "/"); is {
		return regexp.MustCompile("^" + strings.TrimSuffix(pattern, "/") + "$").MatchString(got)
	}
	return got == strings.NewReplacer("{keys}", "{dest}").Replace(want)
}

// shape is what of an answer of JSON-RPC does not depend on the router's state: the code of an error, or what a
// result has, with the types of its values.
func shape(answer string) string {
	var one struct {
		Error  *struct{ Code int }
		Result map[string]any
	}
	var all []json.RawMessage
	switch {
	case answer == "":
		return "nothing"
	case json.Unmarshal([]byte(answer), &all) == nil:
		return fmt.Sprintf("%d answers", len(all))
	case json.Unmarshal([]byte(answer), &one) != nil:
		return "no JSON"
	case one.Error != nil:
		return fmt.Sprint("error ", one.Error.Code)
	}
	var has []string
	for _, name := range slices.Sorted(maps.Keys(one.Result)) {
		switch one.Result[name].(type) {
		case float64:
			has = append(has, name+" number")
		case string:
			has = append(has, name+" text")
		default:
			has = append(has, fmt.Sprintf("%s %v", name, one.Result[name]))
		}
	}
	return "result {" + strings.Join(has, ", ") + "}"
}

// bobOf says lines to an i2pd's BOB. Its answer is all lines until one that is the last, with what is drawn left out.
func bobOf(t *testing.T, ctx context.Context, r *I2PD) func(string) string {
	c, err := r.ns.DialContext(ctx, "tcp", netip.AddrPortFrom(r.Doors, portBOB).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in := bufio.NewReader(c)
	hear := func() string {
		var lines []string
		for {
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			line, err := in.ReadString('\n')
			if err != nil {
				return strings.Join(append(lines, "no answer"), "; ")
			}
			line = strings.TrimRight(line, "\r\n")
			lines = append(lines, line)
			if strings.HasPrefix(line, "OK") || strings.HasPrefix(line, "ERROR") {
				return strings.Join(lines, "; ")
			}
		}
	}
	hear() // the version, and OK
	last, port := "", "17777"
	return func(line string) string {
		if line == "outport nineteen" { // it would end the bridge
			return "no answer, and none to anybody any more"
		}
		line = strings.NewReplacer("{dest}", last, "{keys}", last, "{port}", port).Replace(line)
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return "the connection has ended"
		}
		got := hear()
		if found := longBase64.FindString(got); found != "" {
			last = found
		}
		return strings.NewReplacer(port, "{port}").Replace(longBase64.ReplaceAllString(got, "{dest}"))
	}
}

// controlOf calls an i2pd's I2PControl.
func controlOf(t *testing.T, ctx context.Context, r *I2PD) func(string) string {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return r.ns.DialContext(ctx, network, address)
		},
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	url := "https://" + netip.AddrPortFrom(r.Doors, portControl).String() + "/"
	token := ""
	return func(body string) string {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(strings.ReplaceAll(body, "{token}", token)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return "no answer"
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return fmt.Sprint("no whole answer: ", len(b), " bytes")
		}
		var a struct{ Result struct{ Token string } }
		if json.Unmarshal(b, &a) == nil && a.Result.Token != "" {
			token = a.Result.Token
		}
		return string(bytes.TrimSpace(b))
	}
}
