package layers_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/doc"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update-man", false, "write ../docs/packages.md anew")

// TestPackages draws the packages as they are, and compares docs/packages.md.
func TestPackages(t *testing.T) {
	const path = "../docs/packages.md"
	want := draw(files(t))
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Errorf("%s is not current (%v): run scripts/man", path, err)
	}
}

// draw writes the page: the layers on top of each other, and what each package is and stands on.
func draw(all map[string][]*source) []byte {
	var b bytes.Buffer
	b.WriteString("# The packages\n\n" +
		"Each layer imports those below it, and beside itself only what the lists say. `pkg/layers_test.go` has the rules and checks\n" +
		"them, and this page with them.\n\n```\n")
	const width = 100
	line := "+" + strings.Repeat("-", width-2) + "+\n"
	row := func(head, text string) { fmt.Fprintf(&b, "| %-14s %-*s |\n", head, width-19, text) }
	b.WriteString(line)
	row("programs", strings.Join(commands(all), "  "))
	for _, l := range slices.Backward(layers) {
		b.WriteString(line)
		head := l.what
		text := ""
		for name := range strings.FieldsSeq(l.names) {
			if len(text)+len(name)+2 > width-19 {
				row(head, text)
				head, text = "", ""
			}
			text += name + "  "
		}
		row(head, strings.TrimSpace(text))
	}
	b.WriteString(line + "```\n" + words)
	for i, l := range slices.Backward(layers) {
		fmt.Fprintf(&b, "\n## %s%s\n", strings.ToUpper(l.what[:1]), l.what[1:])
		switch i {
		case lastEngine:
			b.WriteString("\nNo sockets, no clock, no goroutines: they are told the time and what came, and say what is to be sent.\n")
		case lastEngine + 1:
			b.WriteString("\nGoroutines, sockets and files. Each state has one owner.\n")
		}
		describe(&b, all, strings.Fields(l.names))
	}
	b.WriteString("\n## For tests\n")
	describe(&b, all, strings.Fields(forTests))
	return b.Bytes()
}

// words are those that all packages use for one thing each.
const words = `
## Words for what comes

Each is used for one thing, in all packages.

| word | what it means |
|---|---|
| ` + "`Handle`" + ` | the owner of a state works in what came, in its own goroutine, and says what follows from it; it borrows, unless its comment says more |
| ` + "`Deliver`" + ` | what came goes on to its next owner, from any goroutine and without waiting: into a mailbox, or a func given at construction; a message goes with its ownership |
| ` + "`Take`" + ` | what waits is fetched: from a mailbox, a queue, a bucket |
| ` + "`Receive`" + ` | the user of a stream is given bytes |
| ` + "`Accept`" + ` | what a stranger asks for is let in: a connection, a stream |
`

// describe lists packages with what they say of themselves, and what of their own layer they import.
func describe(b *bytes.Buffer, all map[string][]*source, names []string) {
	b.WriteString("\n| package | what it is | imports beside itself |\n|---|---|---|\n")
	for _, name := range slices.Sorted(slices.Values(names)) {
		synopsis := ""
		for _, s := range all["pkg/"+name] {
			if s.file.Doc != nil && strings.HasPrefix(s.file.Doc.Text(), "Package ") {
				synopsis = new(doc.Package).Synopsis(s.file.Doc.Text())
				_, synopsis, _ = strings.Cut(synopsis, " ") // Package
				_, synopsis, _ = strings.Cut(synopsis, " ") // its name
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, strings.TrimSuffix(synopsis, "."), strings.Join(strings.Fields(edges()[name]), ", "))
	}
}

func commands(all map[string][]*source) (names []string) {
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		if name, ok := strings.CutPrefix(dir, "cmd/"); ok {
			names = append(names, name)
		}
	}
	return names
}
