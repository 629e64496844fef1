package i2pcontrol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
)

// code is why a call failed (I2PControl, "Error codes"; JSON-RPC 2.0, section 5.1).
type code int

const (
	codeParse        code = -32700
	codeRequest      code = -32600
	codeMethod       code = -32601
	codeParams       code = -32602
	codeInternal     code = -32603
	codePassword     code = -32001
	codeNoToken      code = -32002
	codeUnknownToken code = -32003
	codeExpired      code = -32004
	codeNoAPI        code = -32005
	codeAPI          code = -32006
)

// fault is what a call that failed is answered.
type fault struct {
	Code    code   `json:"code"`
	Message string `json:"message"`
}

func (f *fault) Error() string { return f.Message }

func failed(c code, message string) error { return &fault{c, message} }

// request is a call.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// response is its answer: a result, or what was wrong.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *fault          `json:"error,omitempty"`
}

// params are named; the specification has no others.
type params map[string]json.RawMessage

// text is a parameter that is a string, or a number where a program sends one for a string.
func (p params) text(name string) (string, bool) {
	raw, is := p[name]
	if !is || isNull(raw) {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String(), true
	}
	return "", false
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null" }

// calls answers a body: a call, or a batch of them, whose answers come in one list. What has no id is told nothing.
func (s *Server) calls(ctx context.Context, c client, body []byte) []byte {
	var batch []json.RawMessage
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 || trimmed[0] != '[' {
		if r := s.one(ctx, c, body); r != nil {
			return encode(r)
		}
		return nil
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		s.count(func(st *Stats) { st.Malformed++ })
		return encode(broken(codeParse, "this is no JSON"))
	}
	if len(batch) == 0 || len(batch) > maxBatch {
		s.count(func(st *Stats) { st.Malformed++ })
		return encode(broken(codeRequest, "a batch has from 1 to 32 calls"))
	}
	var all []*response
	for _, one := range batch {
		if r := s.one(ctx, c, one); r != nil {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return encode(all)
}

func broken(c code, message string) *response {
	return &response{Version: "2.0", ID: json.RawMessage("null"), Error: &fault{c, message}}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // an id that is no JSON cannot have been parsed
		return encode(broken(codeInternal, err.Error()))
	}
	return append(b, '\n')
}

// one answers a call.
func (s *Server) one(ctx context.Context, c client, body []byte) *response {
	var req request
	if err := json.Unmarshal(body, &req); err != nil {
		s.count(func(st *Stats) { st.Malformed++ })
		if !json.Valid(body) {
			return broken(codeParse, "this is no JSON")
		}
		return broken(codeRequest, "this is no call")
	}
	if req.Version != "2.0" || req.Method == "" || !isID(req.ID) {
		s.count(func(st *Stats) { st.Malformed++ })
		return broken(codeRequest, `a call has "jsonrpc": "2.0", a method, and an id that is a text or a number`)
	}
	s.count(func(st *Stats) { st.Calls++ })
	result, err := s.call(ctx, c, req)
	if len(req.ID) == 0 {
		return nil
	}
	r := &response{Version: "2.0", ID: req.ID, Result: result}
	if err != nil {
		r.Result, r.Error = nil, &fault{Code: codeInternal, Message: err.Error()}
		errors.As(err, &r.Error)
	}
	return r
}

// isID tells what may be an id; none makes a notification.
func isID(raw json.RawMessage) bool {
	if len(raw) == 0 {
		return true
	}
	switch b := bytes.TrimSpace(raw); b[0] {
	case '{', '[', 't', 'f':
		return false
	}
	return true
}
