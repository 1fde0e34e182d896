// A device that knocks, and what it does until it is let in: it types a code, or asks every two
// seconds. The device code that it got with the answer to its knock says that it is the one.

package pairweb

import (
	"fmt"
	"net/http"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// maxWanted is how many wishes a device may have, as over the other transports.
const maxWanted = 32

// knock does POST /pair.
func (h *Handler) knock(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Name string   `json:"name"`
		Kind string   `json:"kind"`
		Want []string `json:"want"`
	}
	if !read(w, r, &asked) {
		return
	}
	if len(asked.Want) > maxWanted {
		fail(w, http.StatusBadRequest, refusal{Error: badRequest, Description: fmt.Sprintf("at most %d wishes", maxWanted)})
		return
	}
	v, code, refused := h.pairing.Knock(origin(r, asked.Name, asked.Kind), asked.Want)
	if refused != nil {
		refuse(w, r, refused)
		return
	}
	st := v.Status()
	say(w, http.StatusAccepted, map[string]any{
		"pair_id": st.ID, "device_code": code, "match": st.Match, "pin_required": st.PINRequired,
		"interval": seconds(pollEvery), "expires_in": seconds(h.pairing.Timeout()),
		"router_id": st.RouterID, "router_name": st.RouterName,
	})
}

// find reads the body of a call about a visit, and returns the visit. It answers those whose it
// is not.
func (h *Handler) find(w http.ResponseWriter, r *http.Request) (v *pairing.Visit, pin string, ok bool) {
	var asked struct {
		DeviceCode string `json:"device_code"`
		PIN        string `json:"pin"`
	}
	if !read(w, r, &asked) {
		return nil, "", false
	}
	v, refused := h.pairing.Find(r.PathValue("id"), asked.DeviceCode)
	if refused != nil {
		refuse(w, r, refused)
		return nil, "", false
	}
	return v, asked.PIN, true
}

// pin does POST /pair/{id}/pin.
func (h *Handler) pin(w http.ResponseWriter, r *http.Request) {
	v, pin, ok := h.find(w, r)
	if !ok {
		return
	}
	if refused := v.PIN(pin); refused != nil {
		miss := refusalOf(refused)
		status := statusOf(refused.Code)
		if refused.Code == pairing.CodePINInvalid {
			left := refused.AttemptsLeft
			switch {
			case refused.Hold == 0: // no code was tried: it had not the form of one, or none is open
				left = v.Status().AttemptsLeft
			case left == 0:
				status, miss.Error = http.StatusLocked, "code_burned"
			}
			miss.AttemptsLeft = &left
		}
		hold(r, refused)
		fail(w, status, miss)
		return
	}
	token, refused := v.Token()
	switch {
	case refused == nil:
		say(w, http.StatusOK, tokenOf(token))
	case refused.Code == pairing.CodePending:
		fail(w, http.StatusAccepted, pending(v, refused, h.paces.interval(v)))
	default:
		refuse(w, r, refused)
	}
}

// poll does POST /pair/{id}/token.
func (h *Handler) poll(w http.ResponseWriter, r *http.Request) {
	v, _, ok := h.find(w, r)
	if !ok {
		return
	}
	token, refused := v.Token()
	if refused == nil {
		say(w, http.StatusOK, tokenOf(token))
		return
	}
	no := refusalOf(refused)
	switch refused.Code {
	case pairing.CodePending:
		interval, early := h.paces.asks(v, time.Now())
		no = pending(v, refused, interval)
		if early {
			no.Error, no.Description = slowDown, fmt.Sprintf("Ask every %d s, not more often", no.Interval)
		}
	case pairing.CodeRevoked:
		no.Error = accessDenied
	}
	fail(w, http.StatusBadRequest, no) // all of them, as in RFC 8628 section 3.5
}

// leave does DELETE /pair/{id}.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request) {
	if v, _, ok := h.find(w, r); ok {
		v.Leave()
		w.WriteHeader(http.StatusNoContent)
	}
}

// pending is a refusal that says how a visit stands.
func pending(v *pairing.Visit, refused *pairing.Error, interval time.Duration) refusal {
	st := v.Status()
	no := refusalOf(refused)
	no.AttemptsLeft, no.RetryAfter = &st.AttemptsLeft, seconds(st.RetryAfter)
	no.standing = &standing{
		State: string(st.State), Match: st.Match, PINRequired: st.PINRequired,
		CodeExpiresIn: seconds(st.ExpiresIn), Interval: seconds(interval),
	}
	return no
}
