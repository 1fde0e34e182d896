// Bodies: what is read, what is answered, and what a refusal of package pairing is in HTTP
// (pairing sections 4 and 8).

package pairweb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

const maxBody = 4 << 10

// Names of refusals that several calls have.
const (
	badRequest   = "invalid_request"
	slowDown     = "slow_down"
	accessDenied = "access_denied"
)

// read takes the JSON body of a call. It reports false when it has refused it.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, refusal{Error: badRequest, Description: "the body is JSON: send it with Content-Type: application/json"})
		return false
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	err := body.Decode(into)
	if err == nil {
		if _, err = body.Token(); err == nil {
			err = errors.New("something follows it")
		} else if errors.Is(err, io.EOF) {
			return true
		}
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		fail(w, http.StatusRequestEntityTooLarge, refusal{Error: badRequest, Description: fmt.Sprintf("the body has more than %d bytes", maxBody)})
		return false
	}
	fail(w, http.StatusBadRequest, refusal{Error: badRequest, Description: "the body is no JSON object with what this call wants"})
	return false
}

// say answers with JSON.
func say(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // whoever asked may have gone
}

// refusal is the answer to a call that was not done, or not yet.
type refusal struct {
	Error        string `json:"error"`
	Description  string `json:"error_description"`
	AttemptsLeft *int   `json:"attempts_left,omitempty"` // of a code
	RetryAfter   int    `json:"retry_after,omitempty"`   // seconds
	*standing
}

// standing is how a visit stands that is not decided yet.
type standing struct {
	State         string `json:"state"`
	Match         string `json:"match"`
	PINRequired   bool   `json:"pin_required"`
	CodeExpiresIn int    `json:"code_expires_in"` // seconds
	Interval      int    `json:"interval"`        // seconds between two questions
}

func fail(w http.ResponseWriter, status int, no refusal) {
	if no.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.RetryAfter))
	}
	say(w, status, no)
}

// refuse answers with a refusal of pairing's, when its time has come.
func refuse(w http.ResponseWriter, r *http.Request, refused *pairing.Error) {
	hold(r, refused)
	fail(w, statusOf(refused.Code), refusalOf(refused))
}

// hold has a miss cost time.
func hold(r *http.Request, refused *pairing.Error) {
	if refused.Hold <= 0 {
		return
	}
	timer := time.NewTimer(refused.Hold)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

func refusalOf(refused *pairing.Error) refusal {
	return refusal{Error: nameOf(refused.Code), Description: refused.Message, RetryAfter: seconds(refused.RetryAfter)}
}

func nameOf(code pairing.Code) string {
	switch code {
	case pairing.CodeUnauthorized:
		return "unauthorized"
	case pairing.CodePending:
		return "authorization_pending"
	case pairing.CodeClosed:
		return "pairing_closed"
	case pairing.CodePINInvalid:
		return "invalid_pin"
	case pairing.CodePINExpired, pairing.CodeEnded:
		return "expired_token"
	case pairing.CodeLocked:
		return "pairing_locked"
	case pairing.CodeDenied:
		return accessDenied
	case pairing.CodeRevoked:
		return "revoked_token"
	case pairing.CodeBusy, pairing.CodeRate:
		return slowDown
	case pairing.CodeTransport:
		return "transport_not_allowed"
	}
	return "server_error"
}

// statusOf is the last column of the table in section 8.
func statusOf(code pairing.Code) int {
	switch code {
	case pairing.CodeUnauthorized, pairing.CodeEnded, pairing.CodePINInvalid, pairing.CodeRevoked:
		return http.StatusUnauthorized
	case pairing.CodePending:
		return http.StatusAccepted
	case pairing.CodeClosed, pairing.CodeDenied, pairing.CodeTransport:
		return http.StatusForbidden
	case pairing.CodePINExpired:
		return http.StatusGone
	case pairing.CodeLocked:
		return http.StatusServiceUnavailable
	case pairing.CodeBusy, pairing.CodeRate:
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// seconds rounds up: nobody is to come too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
