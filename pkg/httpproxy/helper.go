package httpproxy

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/httpmsg"
	"i2ptoolkit/pkg/i2p"
)

const (
	helperParameter = "i2paddresshelper"
	maxHelper       = 2 << 10 // of a destination in base64, or a b32 address
	maxOnce         = 256     // names that are known until the end
	tokenLasts      = 10 * time.Minute
)

// helpers are what is known of address helpers: parameters of addresses that tell a name's
// destination. Whoever wrote the address says so, and so it is the user who decides, on a page of
// this proxy that no other page can answer in its stead.
type helpers struct {
	key [32]byte // of the tokens of those pages

	mu    sync.Mutex
	once  map[string]string // names for as long as the proxy runs
	order []string
}

// helper is a name with what a helper says that it is.
type helper struct {
	Name string // the host
	To   string // a destination in base64, or a b32 address
	On   string // where to go then
}

// help looks for an address helper in a request. done means that the request is answered, in
// place of the site; else it goes on without its helper.
func (s *session) help() (done, keep bool) {
	path, value, found := cutHelper(s.to.path)
	if !found {
		return false, false
	}
	p := s.p
	h := helper{Name: s.to.host, To: value, On: "http://" + s.to.authority() + string(appendPath(nil, path))}
	to, err := parseHelper(value)
	if err != nil {
		p.counts.malformed.Add(1)
		return true, s.refuse(faultMalformed(httpmsg.Malformed("its address helper is neither a destination in base64 nor a b32 address")))
	}
	s.to.path = path
	if !named(h.Name) {
		if h.Name != to.b32 {
			p.counts.conflicts.Add(1)
			return true, s.conflict(h, h.Name, to.b32)
		}
		return false, false
	}
	if is := p.knownAs(h.Name); is != "" {
		if is != to.b32 {
			p.counts.conflicts.Add(1)
			return true, s.conflict(h, is, to.b32)
		}
		return false, false
	}
	p.counts.asked.Add(1)
	q := url.Values{"name": {h.Name}, "to": {h.To}, "on": {h.On}}
	return true, s.redirect("http://" + ownHost + "/helper?" + q.Encode())
}

// knownAs gives the b32 address of a name that is known; "": it is not.
func (p *Proxy) knownAs(name string) string {
	if p.cfg.Lookup != nil {
		if d, err := p.cfg.Lookup(name); err == nil {
			return d.B32()
		}
	}
	if to, err := parseHelper(p.helpers.lookup(name)); err == nil {
		return to.b32
	}
	return ""
}

// cutHelper takes the address helper out of a path with a query.
func cutHelper(path []byte) (rest []byte, value string, found bool) {
	before, query, ok := bytes.Cut(path, []byte{'?'})
	if !ok || !bytes.Contains(bytes.ToLower(query), []byte("helper")) && !bytes.Contains(query, []byte{'%'}) {
		return path, "", false
	}
	rest = append(rest, before...)
	sep := byte('?')
	for parameter := range bytes.SplitSeq(query, []byte{'&'}) {
		name, v, _ := strings.Cut(string(parameter), "=")
		if name, err := url.QueryUnescape(name); err == nil && strings.EqualFold(name, helperParameter) && !found {
			if value, err = url.PathUnescape(v); err != nil { // a + is none of base64's characters, and no space
				value = v
			}
			found = true
			continue
		}
		rest = append(append(rest, sep), parameter...)
		sep = '&'
	}
	if !found {
		return path, "", false
	}
	return rest, value, true
}

// helped is what an address helper says.
type helped struct {
	destination i2p.Destination // unless it says an address alone
	whole       bool
	b32         string
}

func parseHelper(value string) (helped, error) {
	if len(value) > maxHelper {
		return helped{}, i2p.ErrName
	}
	if address := strings.ToLower(value); !named(address) {
		if !isAddress(address) {
			return helped{}, i2p.ErrName
		}
		return helped{b32: address}, nil
	}
	d, err := i2p.ParseDestinationBase64(value)
	if err != nil {
		return helped{}, err
	}
	return helped{destination: d, whole: true, b32: d.B32()}, nil
}

// lookup gives what a name is for as long as the proxy runs.
func (h *helpers) lookup(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.once[name]
}

// remember keeps a name until the end, or until many others came.
func (h *helpers) remember(name, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.once == nil {
		h.once = make(map[string]string)
	}
	if _, known := h.once[name]; !known {
		h.order = append(h.order, name)
	}
	h.once[name] = to
	if len(h.order) > maxOnce {
		delete(h.once, h.order[0])
		h.order = h.order[1:]
	}
}

// token is what a page asks with: who has not seen the page cannot make one. It says for how
// long it is good.
func (h *helpers) token(of helper, until time.Time) string {
	expires := strconv.FormatInt(until.Unix(), 10)
	mac := hmac.New(sha256.New, h.key[:])
	for _, part := range []string{expires, of.Name, of.To, of.On} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	return expires + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// check tells whether a token is the one of a page that is not too old.
func (h *helpers) check(token string, of helper, now time.Time) bool {
	text, _, _ := strings.Cut(token, ".")
	expires, err := strconv.ParseInt(text, 10, 64)
	if err != nil || now.Unix() > expires {
		return false
	}
	return hmac.Equal([]byte(token), []byte(h.token(of, time.Unix(expires, 0))))
}

// confirm does what the user decided on the page of a helper.
func (p *Proxy) confirm(ctx context.Context, h helper, token, choice string) *fault {
	if !p.helpers.check(token, h, p.cfg.Now()) {
		p.counts.forged.Add(1)
		return faultToken
	}
	to, err := parseHelper(h.To)
	if err != nil {
		return faultToken
	}
	if is := p.knownAs(h.Name); is != "" && is != to.b32 { // since the page was shown
		p.counts.conflicts.Add(1)
		return faultTaken
	}
	if choice != "save" || p.cfg.Save == nil || !to.whole {
		p.counts.once.Add(1)
		p.helpers.remember(h.Name, h.To)
		return nil
	}
	if err := p.cfg.Save(ctx, h.Name, to.destination); err != nil {
		f := *faultUnsaved
		f.text += ": " + err.Error() + "."
		return &f
	}
	p.counts.saved.Add(1)
	return nil
}

var (
	faultToken   = &fault{status: 403, title: "Not confirmed", text: "This confirmation was not made on this proxy's page, or the page is older than ten minutes. Follow the link again."}
	faultTaken   = &fault{status: 409, title: "The name is known as another's", text: "While the page was open this name became known, with another destination."}
	faultUnsaved = &fault{status: 500, title: "The name was not saved", text: "The address book did not take it"}
)
