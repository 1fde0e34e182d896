package pairweb

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/clasp-studio/clasp/assets"
)

// page is the page for a phone's browser.
type page struct{ policy string }

// newPage makes the policy by which a browser runs the page's own style and script and nothing
// else, whatever got into it on the way to the screen.
func newPage() page {
	return page{fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		hashOf("style"), hashOf("script"))}
}

// hashOf names what is in an element of the page.
func hashOf(element string) string {
	_, rest, _ := strings.Cut(assets.PairPage, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p page) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, assets.PairPage) // whoever asked may have gone
}

// about does GET /pair: the page, or for a program what it would be about.
func (h *Handler) about(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if accepted := strings.Join(r.Header.Values("Accept"), ","); !strings.Contains(accepted, "application/json") || strings.Contains(accepted, "text/html") {
		h.page.serve(w, r)
		return
	}
	say(w, http.StatusOK, map[string]any{
		"router_id": h.pairing.RouterID(), "router_name": h.name,
		"pairing": h.pairing.Overview().Enabled, "secure": r.TLS != nil,
	})
}
