package forward

import (
	"context"
	"net"
	"time"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/httpserver"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

// httpServer is what stands before a web server.
func (f *forward) httpServer(p plan.Plan) *httpserver.Server {
	s := p.HTTPServer
	if s == nil {
		s = &plan.HTTPServerSettings{}
	}
	return httpserver.New(httpserver.Config{
		Host: s.Host, RejectInproxies: s.RejectInproxies, RejectReferer: s.RejectReferer, RejectAgents: s.RejectAgents,
		Posts: httpserver.Posts{Peer: s.PostsPerPeer, All: s.Posts, Period: time.Duration(s.PostPeriod), Ban: time.Duration(s.PostBan)},
		Log:   f.m.cfg.Log, Now: f.m.cfg.Now,
	})
}

// welcomeHTTP has a peer's requests answered. A target is dialled when there is one, and again where it
// ends connections between them.
func (f *forward) welcomeHTTP(s *httpserver.Server) welcome {
	return func(ctx context.Context, c *sockets.Conn, peer i2p.Destination, turn int) {
		f.opened.Add(1)
		dial := func(ctx context.Context) (net.Conn, error) { return f.target(ctx, turn) }
		s.Handle(ctx, c, peer, dial, &f.count)
	}
}
