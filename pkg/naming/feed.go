package naming

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/words"
)

// Files beside the books.
const (
	feedsFile = "subscriptions.txt" // URLs, one a line: the owner edits it
	stateFile = "subscriptions.json"
)

// When feeds are asked for again.
const (
	every       = 12 * time.Hour
	firstRetry  = 30 * time.Minute
	firstLeast  = 2 * time.Minute // after the start
	firstMost   = 12 * time.Minute
	lookEvery   = time.Minute // for what the owner has edited
	maxFeeds    = 100
	maxFeedText = 1 << 20
)

// Feed is a subscription and how it stands.
type Feed struct {
	URL          string    `json:"url"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	Checked      time.Time `json:"checked,omitzero"` // the last answer, changed or not
	Tried        time.Time `json:"tried,omitzero"`
	Next         time.Time `json:"next,omitzero"`
	Failures     int       `json:"failures,omitempty"` // since the last answer
	Problem      string    `json:"problem,omitempty"`
}

// Update is what asking for a feed gave.
type Update struct {
	URL       string
	Unchanged bool
	Err       error
	Report    Report
}

// Feeds are the subscriptions in their order, which is that of trust: the first that has a name gives it.
func (n *Names) Feeds() ([]Feed, error) {
	urls, err := n.feedURLs()
	if err != nil {
		return nil, err
	}
	known := n.feedStates()
	feeds := make([]Feed, 0, len(urls))
	for _, url := range urls {
		f := known[url]
		f.URL = url
		feeds = append(feeds, f)
	}
	return feeds, nil
}

// feedURLs are those of the settings, and of the owner's list.
func (n *Names) feedURLs() (urls []string, err error) {
	for _, url := range n.settled() {
		if CheckFeed(url) == nil && !slices.Contains(urls, url) && len(urls) < maxFeeds {
			urls = append(urls, url)
		}
	}
	b, err := n.readFile(feedsFile)
	if err != nil {
		return nil, err
	}
	for text := range bytes.Lines(b) {
		url := string(bytes.TrimSpace(words.Unmarked(text)))
		if len(urls) >= maxFeeds {
			break
		}
		if url != "" && url[0] != '#' && CheckFeed(url) == nil && !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	return urls, nil
}

// settled are the feeds of the settings.
func (n *Names) settled() []string {
	if n.cfg.Subscriptions == nil {
		return nil
	}
	return n.cfg.Subscriptions()
}

func (n *Names) feedStates() map[string]Feed {
	states := make(map[string]Feed)
	var all []Feed
	if b, err := n.readFile(stateFile); err == nil && json.Unmarshal(b, &all) == nil {
		for _, f := range all {
			f.ETag, f.LastModified = tag(f.ETag), tag(f.LastModified)
			states[f.URL] = f
		}
	}
	return states
}

// readFile reads one of the small files; none is an empty one.
func (n *Names) readFile(name string) ([]byte, error) {
	t, err := n.file(name).open()
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if t.Size() > maxFeedText {
		return nil, fmt.Errorf("%s has %s, and %s is the most", name, words.Bytes(t.Size()), words.Bytes(maxFeedText))
	}
	return io.ReadAll(io.NewSectionReader(t, 0, t.Size()))
}

// file is one beside the books.
func (n *Names) file(name string) store {
	if n.cfg.Dir != "" {
		return &disk{dir: n.cfg.Dir, name: name}
	}
	return n.inMemory[name]
}

func (n *Names) keepState(f Feed) error {
	n.writing.take()
	defer n.writing.give()
	states := n.feedStates()
	states[f.URL] = f
	urls, err := n.feedURLs()
	if err != nil {
		return err
	}
	all := []Feed{}
	for _, url := range urls { // what is subscribed to no more is forgotten
		if f, ok := states[url]; ok {
			all = append(all, f)
		}
	}
	b, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	return n.file(stateFile).replace(func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// Subscribe adds a feed, behind those that there are.
func (n *Names) Subscribe(url string) error {
	if err := CheckFeed(url); err != nil {
		return err
	}
	n.writing.take()
	defer n.writing.give()
	urls, err := n.feedURLs()
	switch {
	case err != nil || slices.Contains(urls, url):
		return err
	case len(urls) >= maxFeeds:
		return fmt.Errorf("there are %d subscriptions, and that is the most", maxFeeds)
	}
	return n.file(feedsFile).add([]byte(url + "\n"))
}

// Unsubscribe removes a feed. What it gave stays.
func (n *Names) Unsubscribe(url string) error {
	n.writing.take()
	defer n.writing.give()
	b, err := n.readFile(feedsFile)
	if err != nil {
		return err
	}
	var keep bytes.Buffer
	found := false
	for text := range bytes.Lines(b) {
		if string(bytes.TrimSpace(words.Unmarked(text))) == url {
			found = true
			continue
		}
		keep.Write(text)
	}
	switch {
	case slices.Contains(n.settled(), url):
		return fmt.Errorf("%s is one of the router's settings, and stays until it is taken out there (names.subscriptions)", url)
	case !found:
		return fmt.Errorf("%w: %s is no subscription", fs.ErrNotExist, url)
	}
	return n.file(feedsFile).replace(func(w io.Writer) error {
		_, err := w.Write(keep.Bytes())
		return err
	})
}

// ErrNoFetch is that nothing can be fetched here.
var ErrNoFetch = errors.New("nothing can be fetched without a router")

// Update asks for feeds now, one after the other, and tells each what came of every one. No URLs: all
// feeds. With again, one is read again though its server says that it has not changed.
func (n *Names) Update(ctx context.Context, urls []string, again bool, each func(Update)) error {
	if n.cfg.Fetch == nil {
		return ErrNoFetch
	}
	feeds, err := n.Feeds()
	if err != nil {
		return err
	}
	for _, url := range urls {
		if !slices.ContainsFunc(feeds, func(f Feed) bool { return f.URL == url }) {
			return fmt.Errorf("%w: %s is no subscription", fs.ErrNotExist, url)
		}
	}
	select {
	case n.updating <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer n.updating.give()
	for _, f := range feeds {
		if len(urls) > 0 && !slices.Contains(urls, f.URL) {
			continue
		}
		if again {
			f.ETag, f.LastModified = "", ""
		}
		each(n.update(ctx, f))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// update asks for one feed, reads it, and keeps how that went.
func (n *Names) update(ctx context.Context, f Feed) Update {
	u := Update{URL: f.URL}
	response, report, err := n.fetchInto(ctx, Request{f.URL, f.ETag, f.LastModified})
	u.Unchanged, u.Report, u.Err = response.NotModified, report, err
	if ctx.Err() != nil { // it is not the feed's fault
		return u
	}
	now := n.cfg.Now()
	f.Tried = now
	switch {
	case err != nil:
		f.Failures++
		f.Problem = err.Error()
		f.Next = now.Add(n.spread(min(firstRetry<<min(f.Failures-1, 8), every)))
		n.counts.feedsFailed.Add(1)
		n.cfg.Log.Debug("feed not read", "url", f.URL, "error", err)
	default:
		f.Failures, f.Problem, f.Checked = 0, "", now
		f.Next = now.Add(n.spread(every))
		if response.NotModified {
			n.counts.feedsUnchanged.Add(1)
			break
		}
		n.counts.feedsRead.Add(1)
		f.ETag, f.LastModified = response.ETag, response.LastModified
		n.cfg.Log.Info("feed read", "added", report.Added, "changed", report.Changed, "removed", report.Removed, "refused", report.Refused())
	}
	if err := n.keepState(f); err != nil {
		n.cfg.Log.Warn("state of subscriptions not kept", "error", err)
	}
	return u
}

func (n *Names) fetchInto(ctx context.Context, req Request) (Response, Report, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	response, err := n.cfg.Fetch(ctx, req)
	if err != nil || response.NotModified {
		return response, Report{}, err
	}
	defer response.Body.Close()
	report, err := n.Import(ctx, Subscribed, response.Body, false)
	return response, report, err
}

// spread is a time that nobody foretells, near one.
func (n *Names) spread(d time.Duration) time.Duration {
	n.writing.take() // who has the source
	defer n.writing.give()
	return n.cfg.Rand.Between(d-d/10, d+d/10)
}

// Run asks for the feeds when it is time, until ctx ends: for the first time some minutes after the
// start, when others have their tunnels.
func (n *Names) Run(ctx context.Context) error {
	if n.cfg.Fetch == nil {
		return nil
	}
	n.writing.take()
	first := n.cfg.Now().Add(n.cfg.Rand.Between(firstLeast, firstMost))
	n.writing.give()
	timer := time.NewTicker(lookEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if now := n.cfg.Now(); !now.Before(first) {
			n.updateDue(ctx, now)
		}
	}
}

func (n *Names) updateDue(ctx context.Context, now time.Time) {
	feeds, err := n.Feeds()
	if err != nil {
		n.cfg.Log.Debug("subscriptions not read", "error", err)
		return
	}
	var due []string
	for _, f := range feeds {
		if !now.Before(f.Next) || f.Next.After(now.Add(2*every)) { // no clock of ours said that
			due = append(due, f.URL)
		}
	}
	if len(due) > 0 {
		n.Update(ctx, due, false, func(Update) {})
	}
}

// half-written files are removed when a router starts.
func (n *Names) files() []string {
	files := []string{feedsFile, stateFile}
	for _, b := range n.books {
		files = append(files, FileName(b.name))
	}
	return files
}

// Clear removes what was half-written when a process was killed.
func (n *Names) Clear() error {
	if n.cfg.Dir == "" {
		return nil
	}
	if err := atomicfile.Clear(n.cfg.Dir, n.files()...); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Path is where a book is, for its owner's editor; empty: nowhere that one reaches.
func (n *Names) Path(book string) string {
	if b, err := n.book(book); err == nil {
		if d, ok := b.store.(*disk); ok {
			return filepath.Clean(d.path())
		}
	}
	return ""
}
