package server

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
)

// nameCodes are those of what the address books answer.
var nameCodes = control.Codes{
	{naming.ErrUnknown, control.NotFound},
	{naming.ErrNoService, control.NotFound},
	{naming.ErrNoBook, control.BadRequest},
	{naming.ErrConflict, control.InUse},
	{naming.ErrFeedURL, control.BadRequest},
	{naming.ErrNoFetch, control.Unsupported},
	{fs.ErrNotExist, control.NotFound},
	{i2p.ErrHost, control.BadData},
}

// feedCodes are those of what a feed's server answers, beside those of streams to it.
var feedCodes = append(append(control.Codes{
	{naming.ErrTooLarge, control.BadData},
	{naming.ErrAnswer, control.NotFound},
	{naming.ErrFeedURL, control.Refused},
	{naming.ErrUnknown, control.NotFound},
}, codes...), control.Codes{{context.DeadlineExceeded, control.Timeout}}...)

// resolve finds the destination that a tool names in any way.
func (s *Server) resolve(ctx context.Context, by naming.Resolver, text string) (i2p.Destination, error) {
	name, err := i2p.ParseName(text)
	if err != nil {
		return i2p.Destination{}, control.Errorf(control.BadData, "%v", err)
	}
	dest, err := s.names.Resolve(ctx, by, name)
	return dest, nameCodes.Explain(err)
}

// nameRoutes are those of the address books.
func (s *Server) nameRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/names", s.allNames)
	mux.HandleFunc("PUT /v1/names", answer(s.addName))
	mux.HandleFunc("DELETE /v1/names", answer(func(_ context.Context, req control.RemoveName) (struct{}, error) {
		return struct{}{}, s.names.Remove(req.Book, req.Name)
	}))
	mux.HandleFunc("POST /v1/names/lookup", answer(func(_ context.Context, req control.LookUpName) (control.Name, error) {
		e, err := s.names.Find(req.Name)
		if err != nil {
			return control.Name{}, err
		}
		return e.Control(), nil
	}))
	mux.HandleFunc("POST /v1/names/reverse", answer(s.reverse))
	mux.HandleFunc("POST "+control.PathImport, answer(func(ctx context.Context, req control.ImportNames) (control.NamesReport, error) {
		r, err := s.names.Import(ctx, req.Book, strings.NewReader(req.Text), req.Replace)
		return r.Control(), err
	}))
	mux.HandleFunc("GET /v1/feeds", s.feeds)
	mux.HandleFunc("POST /v1/feeds", answer(func(_ context.Context, req control.FeedURL) (struct{}, error) {
		return struct{}{}, s.names.Subscribe(req.URL)
	}))
	mux.HandleFunc("DELETE /v1/feeds", answer(func(_ context.Context, req control.FeedURL) (struct{}, error) {
		return struct{}{}, s.names.Unsubscribe(req.URL)
	}))
	mux.HandleFunc("POST /v1/feeds/update", s.updateFeeds)
}

// answer makes a handler of what answers one question.
func answer[Q, A any](do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req Q
		if err := readJSON(r, &req); err != nil {
			writeError(w, err)
			return
		}
		a, err := do(r.Context(), req)
		if err != nil {
			writeError(w, nameCodes.Explain(err))
			return
		}
		writeJSON(w, a)
	}
}

// allNames lists a book, or all, one name a line.
func (s *Server) allNames(w http.ResponseWriter, r *http.Request) {
	books := naming.Books()
	if book := r.URL.Query().Get("book"); book != "" {
		books = []string{book}
	}
	enc := json.NewEncoder(w)
	for i, book := range books {
		err := s.names.All(book, func(e naming.Entry) bool {
			w.Header().Set("Content-Type", "application/x-ndjson")
			return enc.Encode(e.Control()) == nil && r.Context().Err() == nil
		})
		if err != nil && i == 0 {
			writeError(w, nameCodes.Explain(err))
			return
		}
	}
}

func (s *Server) addName(_ context.Context, req control.AddName) (control.Name, error) {
	dest, err := i2p.ParseDestinationBase64(req.Destination)
	if err != nil {
		return control.Name{}, control.Errorf(control.BadData, "%v", err)
	}
	if err := s.names.Add(req.Book, req.Name, dest, req.Replace); err != nil {
		return control.Name{}, err
	}
	return naming.Entry{Book: req.Book, Name: strings.ToLower(req.Name), Destination: dest}.Control(), nil
}

func (s *Server) reverse(_ context.Context, req control.ReverseName) ([]control.Name, error) {
	hash, err := i2p.ParseHash(req.Hash)
	if err != nil {
		return nil, control.Errorf(control.BadData, "%v", err)
	}
	found, err := s.names.Reverse(hash)
	names := make([]control.Name, 0, len(found))
	for _, e := range found {
		names = append(names, e.Control())
	}
	return names, err
}

func (s *Server) feeds(w http.ResponseWriter, _ *http.Request) {
	feeds, err := s.names.Feeds()
	if err != nil {
		writeError(w, err)
		return
	}
	out := make([]control.Feed, 0, len(feeds))
	for _, f := range feeds {
		out = append(out, f.Control())
	}
	writeJSON(w, out)
}

// updateFeeds tells of every feed as soon as it has been read.
func (s *Server) updateFeeds(w http.ResponseWriter, r *http.Request) {
	var req control.UpdateFeeds
	if err := readJSON(r, &req); err != nil {
		writeError(w, err)
		return
	}
	var lines *lineWriter
	err := s.names.Update(r.Context(), req.URLs, req.Again, func(u naming.Update) {
		if lines == nil {
			l := newLineWriter(w)
			lines = &l
		}
		done := control.FeedUpdate{URL: u.URL, Unchanged: u.Unchanged, Report: u.Report.Control()}
		if u.Err != nil {
			done.Error = asError(feedCodes.Explain(u.Err))
		}
		lines.write(done)
	})
	switch {
	case lines != nil: // an error now is that of whoever asked
	case err != nil:
		writeError(w, nameCodes.Explain(err))
	default:
		newLineWriter(w)
	}
}
