// Why a token is refused: all of it for the log, nearly nothing for the client.

package auth

// Codes of protocol section 11 that a refused token is answered with.
const (
	CodeUnauthenticated = 300
	CodeExpired         = 302
)

// Reasons returns every Reason that an Error can have, for metrics that show each from the start.
func Reasons() []string {
	return []string{missing, malformed, algorithm, signature, expired, notYet, revoked, issuer, audience, claims}
}

const (
	missing   = "missing"   // there is no token
	malformed = "malformed" // not three parts of strict base64 with JSON in them, too long, or a header we must not ignore
	algorithm = "algorithm" // not HS256 or RS256, or there is no key for it here
	signature = "signature"
	expired   = "expired"
	notYet    = "not_yet"
	revoked   = "revoked" // its jti is on the deny list
	issuer    = "issuer"
	audience  = "audience"
	claims    = "claims" // signed, but what it states makes no sense
)

// Error is why a token is refused. Its text is for the log and never holds a part of the token; a client gets Code and a fixed
// text, so that it does not learn which part was wrong (protocol section 10).
type Error struct {
	Code   int    // CodeUnauthenticated or CodeExpired
	Reason string // one of Reasons: a label for metrics
	Err    error
}

func (e *Error) Error() string { return "token refused (" + e.Reason + "): " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// refuse returns an Error with the code that belongs to its reason.
func refuse(reason string, err error) *Error {
	if reason == expired {
		return &Error{Code: CodeExpired, Reason: reason, Err: err}
	}
	return &Error{Code: CodeUnauthenticated, Reason: reason, Err: err}
}

// Guessed says that the token may have been a guess: nothing shows that it was ever signed with a key of ours.
func (e *Error) Guessed() bool {
	return e.Reason == malformed || e.Reason == algorithm || e.Reason == signature
}
