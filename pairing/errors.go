// What a refusal is: to a device an Error, to an operator a plain error with its kind.

package pairing

import (
	"errors"
	"fmt"
	"time"
)

// Code is the number of a refusal: an ERROR of the protocol (pairing section 8).
type Code uint16

// The codes.
const (
	CodeUnauthorized Code = 300
	CodeEnded        Code = 302
	CodePending      Code = 310
	CodeClosed       Code = 311
	CodePINInvalid   Code = 313
	CodePINExpired   Code = 314
	CodeLocked       Code = 315
	CodeDenied       Code = 316
	CodeRevoked      Code = 317
	CodeBusy         Code = 318
	CodeTransport    Code = 319
	CodeRate         Code = 429
	CodeInternal     Code = 500
)

// Error is a refusal, in words for whoever holds the device. Nothing of a secret is in it.
// RetryAfter is advice for the next try; what keeps guesses few are the counts.
type Error struct {
	Code         Code
	Message      string        // begins with plain English
	AttemptsLeft int           // on this code
	RetryAfter   time.Duration // when to try again, 0 = any time
	Hold         time.Duration // the caller answers no sooner than this: a miss must cost time
	Used         bool          // the code or secret was right once, and has been used (HTTP 409, not 410)
}

func (e *Error) Error() string { return e.Message }

func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// What an error to an operator is about: its text is for people, these are for errors.Is.
var (
	ErrInvalid  = errors.New("invalid")     // what was asked for makes no sense
	ErrUnknown  = errors.New("unknown")     // there is nothing of that name or ID
	ErrConflict = errors.New("conflict")    // it does not go now: answered already, name taken, full, locked
	ErrStorage  = errors.New("not on disk") // the devices' file could not be written
)

// problem is an error to an operator, with one of the kinds above.
type problem struct {
	kind error
	text string
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.kind }

func complain(kind error, format string, args ...any) error {
	return &problem{kind, fmt.Sprintf(format, args...)}
}
