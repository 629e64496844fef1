package client

import (
	"context"
	"net/http"
	"net/url"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
)

// Forwards lists the router's forwards.
func (c *Client) Forwards(ctx context.Context) ([]control.Forward, error) {
	return get[[]control.Forward](ctx, c, "/v1/forwards", nil)
}

// ApplyForwards has the router's forwards be what the request says.
func (c *Client) ApplyForwards(ctx context.Context, req control.ApplyForwards) (control.AppliedForwards, error) {
	return ask[control.AppliedForwards](ctx, c, http.MethodPost, "/v1/forwards", req)
}

// RemoveForward ends a forward, and forgets it.
func (c *Client) RemoveForward(ctx context.Context, name string) error {
	_, err := ask[struct{}](ctx, c, http.MethodDelete, "/v1/forwards/"+url.PathEscape(name), struct{}{})
	return err
}

// RunForward runs a forward that ends with ctx and is not kept. Each change of its state is told.
func (c *Client) RunForward(ctx context.Context, p plan.Plan, each func(control.Forward) error) error {
	return lines(ctx, c, http.MethodPost, "/v1/forwards/run", p, each)
}
