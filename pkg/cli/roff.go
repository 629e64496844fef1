package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// Page is a manual page in man(7)'s macros.
type Page struct {
	b     strings.Builder
	fresh bool // nothing is below the last title
}

// revised is the day when somebody last read the pages as a whole.
const revised = "2026-11-26"

// NewPage begins the page of a name in a section of the manual.
func NewPage(name string, section int) *Page {
	p := new(Page)
	p.line(`.\" Made from the program's definitions by scripts/man: do not edit.`)
	p.line(fmt.Sprintf(`.TH "%s" %d "%s" "I2P toolkit" "I2P toolkit"`, escape(strings.ToUpper(name)), section, revised))
	p.line(".nh") // a name that is broken cannot be copied
	return p
}

func (p *Page) line(s string) {
	p.b.WriteString(s + "\n")
	p.fresh = false
}

func (p *Page) title(macro, text string) {
	p.line(macro + " " + quoted(text))
	p.fresh = true
}

// paragraph begins one, which a title does by itself.
func (p *Page) paragraph() {
	if !p.fresh {
		p.line(".PP")
	}
}

// Bytes is the whole page.
func (p *Page) Bytes() []byte { return []byte(p.b.String()) }

// Name is what the NAME section says: the name, and what it is.
func (p *Page) Name(name, what string) { p.line(escape(name) + ` \- ` + escape(what)) }

// Section begins a section.
func (p *Page) Section(title string) { p.title(".SH", strings.ToUpper(title)) }

// Subsection begins a part of a section.
func (p *Page) Subsection(title string) { p.title(".SS", title) }

// Synopsis is one way to call something: a name and its verbs, and what may follow, in
// which words in capitals stand for others.
func (p *Page) Synopsis(name, rest string) {
	if !p.fresh {
		p.line(".br")
	}
	p.line(strings.TrimSpace(`\fB` + escape(name) + `\fP ` + upright(escape(rest))))
}

// Text appends paragraphs, which empty lines separate.
func (p *Page) Text(text string) {
	for i, paragraph := range paragraphs(text) {
		if i > 0 {
			p.paragraph()
		}
		p.text(paragraph, prose)
	}
}

// Paragraph begins a new one.
func (p *Page) Paragraph(text string) {
	p.paragraph()
	p.Text(text)
}

// Item appends a term and what is said of it.
func (p *Page) Item(term, text string) { p.item(term, "", text) }

// item is Item for a term that a placeholder may follow.
func (p *Page) item(term, placeholder, text string) {
	p.line(".TP")
	tag := leading(`\fB` + escape(term) + `\fP`)
	if placeholder != "" {
		tag += ` \fI` + escape(placeholder) + `\fP`
	}
	p.line(tag)
	for i, paragraph := range paragraphs(text) {
		if i > 0 {
			p.line(".IP")
		}
		p.text(paragraph, prose)
	}
}

// Example appends lines as they are typed.
func (p *Page) Example(what string, lines ...string) {
	p.paragraph()
	p.text(what, prose)
	p.line(".PP")
	p.line(".RS 4")
	p.line(".EX")
	for _, l := range lines {
		p.line(leading(escape(l)))
	}
	p.line(".EE")
	p.line(".RE")
}

// SeeAlso ends a page with other pages: "i2p-router(1)".
func (p *Page) SeeAlso(pages ...string) {
	p.Section("SEE ALSO")
	for i, page := range pages {
		name, section, _ := strings.Cut(page, "(")
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		p.line(".BR " + escape(name) + " (" + section + comma)
	}
}

const sourceWidth = 78

// text appends one paragraph, broken at spaces as mandoc likes its sources: no long line,
// and a new one after the end of a sentence.
func (p *Page) text(text string, mark func(string) string) {
	line := ""
	flush := func() {
		if line != "" {
			p.line(leading(line))
		}
		line = ""
	}
	for _, word := range strings.Fields(mark(escape(text))) {
		if line != "" && len(line)+1+len(word) > sourceWidth {
			flush()
		}
		if line != "" {
			line += " "
		}
		line += word
		if strings.HasSuffix(word, ".") && !strings.HasSuffix(word, "..") || strings.HasSuffix(word, "?") {
			flush()
		}
	}
	flush()
}

func paragraphs(text string) []string {
	var all []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// escape keeps roff from reading anything in a text.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "'", `\(aq`).Replace(s)
}

func quoted(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `\(dq`) + `"` }

// leading keeps a line from being taken for a macro.
func leading(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

var (
	placeholders = regexp.MustCompile(`\\\(ga([^\\]*)\\\(ga`)
	options      = regexp.MustCompile(`(^|[\s(])((?:\\-){1,2}[A-Za-z0-9](?:[A-Za-z0-9]|\\-[a-z0-9])*)`)
	programs     = regexp.MustCompile(`\bi2p\\-(?:router|keygen|netdb|reseed|tunnel|lookup)\b`)
	capitals     = regexp.MustCompile(`[A-Z][A-Z0-9]*`)
)

// prose marks options and programs in bold, and in italics what stands for something else,
// which usage texts have between backquotes.
func prose(s string) string {
	s = options.ReplaceAllString(s, `$1\fB$2\fP`)
	s = programs.ReplaceAllString(s, `\fB$0\fP`)
	return placeholders.ReplaceAllString(s, `\fI$1\fP`)
}

// upright marks what stands for something else, and leaves all the rest upright.
func upright(s string) string { return capitals.ReplaceAllString(s, `\fI$0\fP`) }
