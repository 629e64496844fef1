package httpproxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"i2ptoolkit/pkg/httpmsg"
)

// maxForm is of the form of a helper's page: three texts that are escaped, and a token.
const maxForm = 16 << 10

var faultNoPage = &fault{status: 404, title: "No such page", text: "This proxy has no page of this name."}

// page answers with one of this proxy's own pages.
func (s *session) page(ctx context.Context) bool {
	path, query, _ := strings.Cut(string(s.to.path), "?")
	reads := s.req.Is("GET") || s.req.Is("HEAD")
	switch {
	case s.to.port != 80:
		return s.refuse(faultNoPage)
	case path == "/" && reads:
		return s.status()
	case path == "/helper" && reads:
		return s.ask(query)
	case path == "/helper" && s.req.Is("POST"):
		return s.decide(ctx)
	}
	return s.refuse(faultNoPage)
}

// shownHelper is what the page of an address helper shows.
type shownHelper struct {
	helper
	B32, Direct, Token string
	CanSave            bool
	origin             string // where it goes on
}

// ask asks the user about an address helper.
func (s *session) ask(query string) bool {
	values, err := url.ParseQuery(query)
	h := helper{Name: values.Get("name"), To: values.Get("to"), On: values.Get("on")}
	var at target
	if err == nil {
		err = at.onTo(h)
	}
	to, wrong := parseHelper(h.To)
	if err != nil || wrong != nil {
		return s.refuse(faultNoPage)
	}
	p := s.p
	if is := p.knownAs(h.Name); is != "" && is != to.b32 {
		p.counts.conflicts.Add(1)
		return s.conflict(h, is, to.b32)
	} else if is != "" {
		return s.redirect(h.On)
	}
	origin := "http://" + at.authority()
	shown := shownHelper{
		helper: h, B32: to.b32, origin: origin,
		Direct:  "http://" + to.b32 + strings.TrimPrefix(h.On, origin),
		CanSave: p.cfg.Save != nil && to.whole,
		Token:   p.helpers.token(h, p.cfg.Now().Add(tokenLasts)),
	}
	return s.show(http.StatusOK, "", "helper", shown,
		"A link says that "+h.Name+" is "+to.b32+". A browser can save this; i2p-lookup book add can, too.")
}

// onTo reads where a helper goes on: to an address of its name and no other.
func (t *target) onTo(h helper) error {
	rest, ok := strings.CutPrefix(h.On, "http://")
	if !ok || strings.ContainsFunc(h.On, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return httpmsg.Malformed("it goes on to no address")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	*t = target{port: 80}
	if err := t.locate([]byte(authority)); err != nil {
		return err
	}
	if t.kind != eepsite || t.host != h.Name || !named(t.host) || !strings.HasPrefix(rest, t.authority()) {
		return httpmsg.Malformed("it goes on to another address")
	}
	return nil
}

// decide takes the user's answer. Beside the token of the page the browser's own word is asked
// for, where it gives it: a form of another page has another origin.
func (s *session) decide(ctx context.Context) bool {
	if s.req.Body.Kind != httpmsg.Sized || s.req.Body.Length > maxForm {
		s.p.counts.tooLarge.Add(1)
		return s.refuse(faultTooLarge)
	}
	s.c.SetReadDeadline(time.Now().Add(s.p.cfg.Limits.Hello))
	form := make([]byte, s.req.Body.Length)
	if _, err := io.ReadFull(&s.sent, form); err != nil {
		return false
	}
	if origin, n := s.req.Get(httpmsg.Origin); n > 1 || n == 1 && !httpmsg.EqualFold(origin, "http://"+ownHost) {
		s.p.counts.forged.Add(1)
		return s.refuse(faultToken)
	}
	values, err := url.ParseQuery(string(form))
	h := helper{Name: values.Get("name"), To: values.Get("to"), On: values.Get("on")}
	var at target
	if err == nil {
		err = at.onTo(h)
	}
	if err != nil {
		s.p.counts.forged.Add(1)
		return s.refuse(faultToken)
	}
	if f := s.p.confirm(ctx, h, values.Get("token"), values.Get("choice")); f != nil {
		return s.refuse(f)
	}
	return s.show(http.StatusSeeOther, "Location: "+h.On+"\r\n", "", nil, h.On)
}

// status shows what the proxy counts.
func (s *session) status() bool {
	type row struct {
		What string
		N    any
	}
	var rows []row
	var text strings.Builder
	var list func(prefix string, v reflect.Value)
	list = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			name := apart(v.Type().Field(i).Name)
			if f := v.Field(i); f.Kind() == reflect.Struct {
				list(name+": ", f)
			} else {
				rows = append(rows, row{prefix + name, f.Interface()})
			}
		}
	}
	list("", reflect.ValueOf(s.p.Stats()))
	for _, r := range rows {
		text.WriteString(r.What + ": " + fmt.Sprint(r.N) + "\n")
	}
	data := struct {
		Outproxies int
		Rows       []row
	}{len(s.p.out.all), rows}
	return s.show(http.StatusOK, "", "status", data, strings.TrimSuffix(text.String(), "\n"))
}

// apart writes the name of a field as words.
func apart(name string) string {
	var b strings.Builder
	for i, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte(' ')
			c |= 0x20
		}
		b.WriteByte(c)
	}
	return b.String()
}
