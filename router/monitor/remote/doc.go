// Package remote is a monitor.Source of a router in another process of this machine: Routes
// answers on the router's admin socket, Dial asks there. Who may connect is that socket's
// business; whoever may, may do everything.
//
// Each method is one request with JSON both ways. An answer that is not 200 is a refusal,
// which keeps its kind across the way. A router that has been started again counts from the
// beginning; answers carry a word that says which start of the router they are from, and a
// question that was about another start is taken for a first one.
package remote

import (
	"net/http"

	"github.com/clasp-studio/clasp/router/monitor"
)

// The calls.
const (
	waitRoute    = "POST /monitor/wait"    // waitRequest -> nothing, after a second at most
	frameRoute   = "POST /monitor/frame"   // monitor.Query -> monitor.Frame
	indexRoute   = "POST /monitor/index"   // indexRequest -> monitor.Index
	clientRoute  = "POST /monitor/client"  // nameRequest -> monitor.ClientDetail
	addressRoute = "POST /monitor/address" // nameRequest -> monitor.AddressDetail
	doRoute      = "POST /monitor/do"      // monitor.Action -> monitor.Result
)

// startHeader says of which start of the router an answer is, or what a question counts from.
const startHeader = "Clasp-Start"

type waitRequest struct {
	Since uint64 `json:"since"`
}

type indexRequest struct {
	Since  uint64 `json:"since"`
	Filter string `json:"filter"`
}

// nameRequest names a session or an address.
type nameRequest struct {
	Name string `json:"name"`
}

// refusal is every answer that is not 200.
type refusal struct {
	Kind  string `json:"kind"`
	Error string `json:"error"` // in words
}

// kinds are the kinds of errors by their word, and the status that goes with each.
var kinds = []struct {
	word   string
	kind   error
	status int
}{
	{"gone", monitor.ErrGone, http.StatusNotFound},
	{"invalid", monitor.ErrInvalid, http.StatusBadRequest},
	{"refused", monitor.ErrRefused, http.StatusConflict},
	{"off", monitor.ErrOff, http.StatusServiceUnavailable},
	{"unreachable", monitor.ErrUnreachable, http.StatusServiceUnavailable},
}
