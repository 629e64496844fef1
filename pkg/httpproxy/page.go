package httpproxy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/httpmsg"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

// pages are this proxy's own: no script, nothing from elsewhere, no frame around them.
type pages struct {
	templates *template.Template
	policy    string
}

func newPages() pages {
	css := strings.TrimSpace(pageCSS)
	digest := sha256.Sum256([]byte(css))
	return pages{
		templates: template.Must(template.New("").Funcs(template.FuncMap{
			"style": func() template.CSS { return template.CSS(css) },
		}).Parse(pageHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
			"'; base-uri 'none'; frame-ancestors 'none'; form-action",
	}
}

// shownFault is what the page of a fault shows.
type shownFault struct {
	Title, Text        string
	Steps              []shownStep
	Jump               []Link
	Known, Claimed, On string
	Retry              int
}

type shownStep struct{ Name, State, Note string }

// refuse answers with a fault. The connection goes on where it is known where the next request
// begins.
func (s *session) refuse(f *fault) bool {
	if f.step != stepNone {
		s.p.counts.failed[f.step].Add(1)
	}
	return s.show(f.status, f.lines(), "fault", s.p.shownFault(f), f.text)
}

// lines are the header lines of a fault.
func (f *fault) lines() (lines string) {
	if f.retry > 0 {
		lines = "Retry-After: " + strconv.Itoa(f.retry) + "\r\n"
	}
	if f.auth {
		lines += "Proxy-Authenticate: Basic realm=\"I2P\", charset=\"UTF-8\"\r\n"
	}
	if f.status == http.StatusMethodNotAllowed {
		lines += "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, CONNECT\r\n"
	}
	return lines
}

func (p *Proxy) shownFault(f *fault) shownFault {
	shown := shownFault{Title: f.title, Text: f.text, Retry: f.retry}
	if f.step != stepNone {
		for step := stepName; step <= stepAnswer; step++ {
			one := shownStep{Name: step.String(), State: "later"}
			switch {
			case step < f.step:
				one.State = "done"
			case step == f.step:
				one.State, one.Note = "failed", "this step failed"
			}
			shown.Steps = append(shown.Steps, one)
		}
	}
	if f.name != "" {
		shown.Jump = p.jumps(f.name)
	}
	return shown
}

// jumps are links to services that may know a name.
func (p *Proxy) jumps(name string) (links []Link) {
	if len(p.cfg.Jump) == 0 && p.cfg.Jumps != nil {
		return p.cfg.Jumps(name)
	}
	for _, service := range p.cfg.Jump {
		if u, err := url.Parse(service); err == nil && u.Scheme == "http" {
			links = append(links, Link{u.Host, service + url.QueryEscape(name)})
		}
	}
	return links
}

// conflict says that a helper is another's.
func (s *session) conflict(h helper, is, claimed string) bool {
	shown := shownFault{
		Title: "The name is known as another's", Known: is, Claimed: claimed,
		Text: "A link says that " + h.Name + " has another destination than the one that is known. It was not followed.",
		On:   "http://" + claimed + strings.TrimPrefix(h.On, "http://"+s.to.authority()),
	}
	return s.show(http.StatusConflict, "", "fault", shown, shown.Text+"\nKnown: "+is+"\nThe link: "+claimed)
}

// redirect sends the client elsewhere.
func (s *session) redirect(to string) bool {
	return s.show(http.StatusFound, "Location: "+to+"\r\n", "", nil, to)
}

// show writes a page: HTML for browsers, and for others a line or two of text.
func (s *session) show(status int, lines, name string, data any, text string) bool {
	var page bytes.Buffer
	media := "text/plain; charset=utf-8"
	if accept, _ := s.req.Get(httpmsg.Accept); name != "" && bytes.Contains(accept, []byte("text/html")) {
		media = "text/html; charset=utf-8"
		if err := s.p.pages.templates.ExecuteTemplate(&page, name, data); err != nil {
			panic(fmt.Sprintf("httpproxy: page %s: %v", name, err))
		}
	} else {
		s.writeText(&page, data, text)
	}
	keep := s.req.Keep && s.sent.Done
	b := append(s.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(append(b, "\r\nContent-Type: "...), media...)
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(page.Len()), 10)
	b = append(append(b, "\r\nContent-Security-Policy: "...), s.p.pages.policy...)
	// A browser asks again whether a form may go on to where its answer sends it.
	b = append(append(b, s.formTargets(data)...), "\r\n"...)
	b = append(b, "Cache-Control: no-store\r\nReferrer-Policy: same-origin\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"...)
	b = append(b, lines...)
	switch {
	case !keep:
		b = append(b, "Connection: close\r\n"...)
	case s.req.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	b = append(b, "\r\n"...)
	if !s.req.Is("HEAD") {
		b = append(b, page.Bytes()...)
	}
	s.out = b
	return s.write() == nil && keep
}

// writeText writes what curl shows.
func (s *session) writeText(page *bytes.Buffer, data any, text string) {
	fault, ok := data.(shownFault)
	if !ok {
		page.WriteString(text + "\n")
		return
	}
	page.WriteString(fault.Title + "\n" + text + "\n")
	for _, step := range fault.Steps {
		if step.State == "failed" {
			page.WriteString("The step that failed: " + step.Name + "\n")
		}
	}
	for _, j := range fault.Jump {
		page.WriteString("Jump service: " + j.URL + "\n")
	}
	if fault.Retry > 0 {
		page.WriteString("Try again in " + strconv.Itoa(fault.Retry) + " seconds.\n")
	}
}

// formTargets are where the form of a page leads.
func (s *session) formTargets(data any) string {
	page, ok := data.(shownHelper)
	if !ok {
		return " 'none'"
	}
	return " http://" + ownHost + " " + page.origin
}
