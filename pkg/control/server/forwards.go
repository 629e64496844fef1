package server

import (
	"context"
	"io"
	"net/http"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

// Forwards are those of a router. Errors that are *control.Error keep their code.
type Forwards interface {
	List() []control.Forward
	// Apply has the forwards be what is asked. What cannot be done for one is said, and hinders no other.
	Apply(ctx context.Context, asked control.ApplyForwards) (control.AppliedForwards, error)
	Remove(ctx context.Context, name string) error
	// RunWhile runs a forward that is not kept until ctx ends, and tells how it is at the beginning and
	// with each change. It ends with the first error of each.
	RunWhile(ctx context.Context, p plan.Plan, each func(control.Forward) error) error
}

// forwarding adds the routes of forwards.
func (s *Server) forwarding(mux *http.ServeMux) {
	with := func(handle func(Forwards, http.ResponseWriter, *http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if s.forwards == nil {
				writeError(w, control.Errorf(control.Unsupported, "this router has no forwards"))
				return
			}
			if err := handle(s.forwards, w, r); err != nil {
				writeError(w, err)
			}
		}
	}
	mux.HandleFunc("GET /v1/forwards", with(func(f Forwards, w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, list(f.List()))
		return nil
	}))
	mux.HandleFunc("POST /v1/forwards", with(applyForwards))
	mux.HandleFunc("DELETE /v1/forwards/{name}", with(func(f Forwards, w http.ResponseWriter, r *http.Request) error {
		if err := f.Remove(r.Context(), r.PathValue("name")); err != nil {
			return err
		}
		writeJSON(w, struct{}{})
		return nil
	}))
	mux.HandleFunc("POST /v1/forwards/run", with(runForward))
}

func applyForwards(f Forwards, w http.ResponseWriter, r *http.Request) error {
	var asked control.ApplyForwards
	if err := readJSON(r, &asked); err != nil {
		return err
	}
	for name, key := range asked.Keys {
		if err := plan.CheckKey(name); err != nil {
			return control.Errorf(control.BadRequest, "key: %v", err)
		}
		if _, err := i2p.ParseKeyFile(key); err != nil {
			return control.Errorf(control.BadData, "%s is no private key file: %v", name, err)
		}
	}
	names := make(map[string]bool)
	for _, p := range asked.Plans {
		if err := p.Check(); err != nil {
			return control.Errorf(control.BadRequest, "%v", err)
		}
		if names[p.Name] {
			return control.Errorf(control.BadRequest, "two forwards are called %s", p.Name)
		}
		names[p.Name] = true
	}
	// What was begun is ended, though who asks goes away meanwhile.
	done, err := f.Apply(context.WithoutCancel(r.Context()), asked)
	if err != nil {
		return err
	}
	writeJSON(w, done)
	return nil
}

// runForward answers with a line for each state of the forward, which ends with the request.
func runForward(f Forwards, w http.ResponseWriter, r *http.Request) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	p, err := plan.ParseJSON(text)
	if err != nil {
		return control.Errorf(control.BadRequest, "%v", err)
	}
	var lines *lineWriter
	err = f.RunWhile(r.Context(), p, func(state control.Forward) error {
		if lines == nil {
			l := newLineWriter(w)
			lines = &l
		}
		return lines.write(state)
	})
	if lines == nil { // it did not begin: its error is the answer
		return err
	}
	return nil
}
