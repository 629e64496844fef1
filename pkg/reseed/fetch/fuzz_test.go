package fetch

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer: whatever a server answers, the report says one thing of it, and only RouterInfos of
// our network that are whole come of it.
func FuzzAnswer(f *testing.F) {
	s := valid(f, "one@mail.i2p")
	made := time.Now()
	whole := s.bundle(f, made, routers(f, 1, 3, 2))
	answer := func(status, date string, body []byte) []byte {
		return append(fmt.Appendf(nil, "HTTP/1.1 %s\r\nDate: %s\r\nContent-Length: %d\r\n\r\n", status, date, len(body)), body...)
	}
	now := made.UTC().Format(http.TimeFormat)
	f.Add(answer("200 OK", now, whole))
	f.Add(answer("200 OK", "yesterday", whole[:len(whole)/2]))
	f.Add(answer("200 OK", now, []byte("<html>sign in to this network</html>")))
	f.Add(answer("302 Found\r\nLocation: http://elsewhere.example/", now, nil))
	f.Add(answer("403 Forbidden\r\nRetry-After: 3600", now, nil))
	cfg, err := Config{Trust: trustOf(f, s), NetID: 2, Now: func() time.Time { return made }}.complete()
	if err != nil {
		f.Fatal(err)
	}
	req, err := newRequest(cfg, "https://a.example/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		o := begin(cfg, "https://a.example/")
		body, err := readBody(resp)
		if err != nil {
			result, text := req.explain(err)
			o.fail(result, text, err)
		}
		o.answered(req, resp.StatusCode, resp.Header, body)
		report, got, err := o.end()
		if (err == nil) != (report.Result == OK) || err != nil && len(got) > 0 || err == nil && len(got) == 0 {
			t.Errorf("%d RouterInfos, %v, of %+v", len(got), err, report)
		}
		if report.Reason == "" || len(report.Reason) > 1000 || strings.ContainsAny(report.Reason, "\x00\x1b\n\r") {
			t.Errorf("the reason is %q", report.Reason)
		}
		for _, ri := range got {
			if ri.Verify() != nil || ri.NetID() != 2 {
				t.Errorf("a RouterInfo of network %d, %v", ri.NetID(), ri.Verify())
			}
		}
	})
}
