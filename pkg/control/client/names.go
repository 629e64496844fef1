package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"i2ptoolkit/pkg/control"
)

// LookUpName finds a host name in the router's address books.
func (c *Client) LookUpName(ctx context.Context, name string) (control.Name, error) {
	return ask[control.Name](ctx, c, http.MethodPost, "/v1/names/lookup", control.LookUpName{Name: name})
}

// Reverse finds the names of a destination, by its hash in I2P base64.
func (c *Client) Reverse(ctx context.Context, hash string) ([]control.Name, error) {
	return ask[[]control.Name](ctx, c, http.MethodPost, "/v1/names/reverse", control.ReverseName{Hash: hash})
}

// Names hands every entry of a book to each, or of all books.
func (c *Client) Names(ctx context.Context, book string, each func(control.Name) error) error {
	return lines(ctx, c, http.MethodGet, "/v1/names?"+url.Values{"book": {book}}.Encode(), nil, each)
}

// AddName gives a name a destination.
func (c *Client) AddName(ctx context.Context, req control.AddName) (control.Name, error) {
	return ask[control.Name](ctx, c, http.MethodPut, "/v1/names", req)
}

// RemoveName takes a name out of a book.
func (c *Client) RemoveName(ctx context.Context, req control.RemoveName) error {
	_, err := ask[struct{}](ctx, c, http.MethodDelete, "/v1/names", req)
	return err
}

// ImportNames adds lines of a file to a book, some at a time.
func (c *Client) ImportNames(ctx context.Context, book string, replace bool, from io.Reader) (control.NamesReport, error) {
	var sum control.NamesReport
	in := bufio.NewReaderSize(from, 1<<16)
	for end := false; !end; {
		var text bytes.Buffer
		for text.Len() < control.MaxImport/2 && !end {
			piece, err := in.ReadSlice('\n')
			text.Write(piece)
			switch {
			case err == io.EOF:
				end = true
			case err != nil && !errors.Is(err, bufio.ErrBufferFull):
				return sum, err
			}
		}
		if text.Len() == 0 {
			break
		}
		req := control.ImportNames{Book: book, Text: text.String(), Replace: replace}
		r, err := ask[control.NamesReport](ctx, c, http.MethodPost, control.PathImport, req)
		if err != nil {
			return sum, err
		}
		sum = sum.Sum(r)
	}
	return sum, nil
}

// Feeds are the subscriptions.
func (c *Client) Feeds(ctx context.Context) ([]control.Feed, error) {
	return get[[]control.Feed](ctx, c, "/v1/feeds", nil)
}

// Subscribe adds a feed.
func (c *Client) Subscribe(ctx context.Context, url string) error {
	_, err := ask[struct{}](ctx, c, http.MethodPost, "/v1/feeds", control.FeedURL{URL: url})
	return err
}

// Unsubscribe removes one.
func (c *Client) Unsubscribe(ctx context.Context, url string) error {
	_, err := ask[struct{}](ctx, c, http.MethodDelete, "/v1/feeds", control.FeedURL{URL: url})
	return err
}

// UpdateFeeds asks for feeds now, and hands what came of each to each.
func (c *Client) UpdateFeeds(ctx context.Context, req control.UpdateFeeds, each func(control.FeedUpdate) error) error {
	return lines(ctx, c, http.MethodPost, "/v1/feeds/update", req, each)
}
