// Package pairweb is pairing over HTTP, on the port that WebSocket has too: the calls of pairing
// section 4, and the page that makes them for a phone.
//
//	GET    /p, /pair          the page; /pair says in JSON what it is about, when asked for that
//	POST   /pair              a device knocks
//	POST   /pair/{id}/pin     it types a code
//	POST   /pair/{id}/token   it asks whether it is let in
//	DELETE /pair/{id}         it no longer wants to be
//	POST   /pair/invite       it uses an invite
//	POST   /pair/invite/look  what an invite is for; uses nothing up
//	POST   /pair/revoke-self  a device no longer wants to be one
//	GET    /healthz, /readyz  as on the metrics port
//
// GET changes nothing: whoever previews links would. Every other call takes and gives JSON of
// at most 4 KiB. A refusal is {"error", "error_description"} with names as in RFC 8628, so that
// those who know that flow know this one. Which hosts and origins are let in is decided before
// (package sites); no other site may read the answers, so there is no CORS.
package pairweb

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/clasp-studio/clasp/pairing"
)

// Options say what there is to serve.
type Options struct {
	Name    string            // of the router
	Pairing *pairing.Registry // nil = no device can pair: there are no calls and no page
	Health  http.Handler      // answers /healthz and /readyz; nil = they are not there
}

// Handler serves all of it.
type Handler struct {
	name    string
	pairing *pairing.Registry
	mux     http.ServeMux
	page    page
	paces   paces
}

// New makes a Handler.
func New(o Options) *Handler {
	h := &Handler{name: o.Name, pairing: o.Pairing, page: newPage(), paces: paces{of: make(map[*pairing.Visit]*pace)}}
	if o.Health != nil {
		h.mux.Handle("GET /healthz", o.Health)
		h.mux.Handle("GET /readyz", o.Health)
	}
	if o.Pairing != nil {
		h.mux.HandleFunc("GET /p", h.page.serve)
		h.mux.HandleFunc("GET /pair", h.about)
		h.mux.HandleFunc("POST /pair", h.knock)
		h.mux.HandleFunc("POST /pair/{id}/pin", h.pin)
		h.mux.HandleFunc("POST /pair/{id}/token", h.poll)
		h.mux.HandleFunc("DELETE /pair/{id}", h.leave)
		h.mux.HandleFunc("POST /pair/invite", h.redeem)
		h.mux.HandleFunc("POST /pair/invite/look", h.look)
		h.mux.HandleFunc("POST /pair/revoke-self", h.revokeSelf)
	}
	return h
}

type sourceKey struct{}

// Serve answers a request. source is whom it counts for, as Origin.Source of package pairing.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, source netip.Addr) {
	harden(w)
	h.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sourceKey{}, source)))
}

// Refuse answers a request with 403 that is let in under none of the router's names, or by a page
// of no site that may ask. why is for whoever asks.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, why string) {
	harden(w)
	if r.URL.Path == "/pair" || strings.HasPrefix(r.URL.Path, "/pair/") {
		fail(w, http.StatusForbidden, refusal{Error: accessDenied, Description: why})
		return
	}
	http.Error(w, why, http.StatusForbidden)
}

// harden has browsers keep nothing of an answer, and do nothing with it but show it.
func harden(w http.ResponseWriter) {
	for key, value := range map[string]string{
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
	} {
		w.Header().Set(key, value)
	}
}

// origin is where a request comes from.
func origin(r *http.Request, name, kind string) pairing.Origin {
	source, _ := r.Context().Value(sourceKey{}).(netip.Addr)
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http has it so
	return pairing.Origin{Name: name, Kind: kind, Addr: at.Addr().Unmap(), Source: source, Remote: r.RemoteAddr, Transport: "http", Encrypted: r.TLS != nil}
}
