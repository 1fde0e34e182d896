// Invites, which make a device at once, and its end by its own wish.

package pairweb

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// redeem does POST /pair/invite.
func (h *Handler) redeem(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Invite string `json:"invite"`
		Name   string `json:"name"`
		Kind   string `json:"kind"`
	}
	if !read(w, r, &asked) {
		return
	}
	token, refused := h.pairing.Redeem(origin(r, asked.Name, asked.Kind), asked.Invite)
	if refused != nil {
		refuseInvite(w, r, refused)
		return
	}
	say(w, http.StatusOK, tokenOf(token))
}

// look does POST /pair/invite/look: the page shows what an invite is for before it is used. It is
// no GET, for then the secret would stand in the address.
func (h *Handler) look(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Invite string `json:"invite"`
	}
	if !read(w, r, &asked) {
		return
	}
	invite, refused := h.pairing.Look(asked.Invite)
	if refused != nil {
		refuseInvite(w, r, refused)
		return
	}
	say(w, http.StatusOK, map[string]any{
		"name": invite.Grant.Name, "profile": invite.Grant.Profile,
		"router_id": h.pairing.RouterID(), "router_name": h.name,
	})
}

func refuseInvite(w http.ResponseWriter, r *http.Request, refused *pairing.Error) {
	if refused.Used {
		fail(w, http.StatusConflict, refusal{Error: "already_used", Description: refused.Message})
		return
	}
	refuse(w, r, refused)
}

// revokeSelf does POST /pair/revoke-self.
func (h *Handler) revokeSelf(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	access, refused := h.pairing.Token(strings.TrimSpace(token))
	if refused == nil {
		_, err := h.pairing.Revoke(access.Device, "the device itself")
		switch {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
			return
		case errors.Is(err, pairing.ErrUnknown): // somebody was faster
			refused = &pairing.Error{Code: pairing.CodeRevoked, Message: "This device is none any more"}
		default:
			refused = &pairing.Error{Code: pairing.CodeInternal, Message: err.Error()}
		}
	}
	if statusOf(refused.Code) == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	refuse(w, r, refused)
}

// tokenOf is a token as its device sees it, in the form that /_clasp/pair/token has. expires is
// a time as in RFC 3339, or null.
func tokenOf(t pairing.Token) map[string]any {
	form := map[string]any{
		"token": t.Text, "device_id": t.Device, "router_id": t.RouterID, "profile": t.Profile,
		"read": append([]string{}, t.Read...), "write": append([]string{}, t.Write...), "expires": nil,
	}
	if !t.Expires.IsZero() {
		form["expires"] = t.Expires.UTC().Format(time.RFC3339)
	}
	return form
}
