package router

// Reason says why a session ended. Logs, metrics and tests use the same words.
type Reason uint8

// The reasons a session ends for.
const (
	ReasonNone            Reason = iota
	ReasonClientClosed           // the client said goodbye
	ReasonLost                   // the connection broke
	ReasonNoHello                // no HELLO in time (protocol section 5.2)
	ReasonBadHello               // the first bytes were no CLASP message (5.2)
	ReasonNotGreeted             // a message before HELLO (5.2)
	ReasonVersion                // a protocol version this router does not speak (5.2)
	ReasonIdle                   // silent past the session timeout (5.5)
	ReasonSlow                   // would not read what it had asked for (section 9)
	ReasonTooBig                 // a message over the size limit
	ReasonShutdown               // the router stops
	ReasonUnauthenticated        // no good token (section 10)
	ReasonExpired                // the token has expired (section 10)
	ReasonBadFrame               // bytes that are no frame, on a byte stream (section 1)
	ReasonEvicted                // made room for others before its address had proved itself (section 12)
	ReasonFull                   // no room for another connection once its address had proved itself
)

// reasons holds, for each reason, its label, the WebSocket close code that goes
// with it (RFC 6455 section 7.4.1) and the words for the person at the client.
var reasons = [...]struct {
	label string
	code  uint16
	text  string
}{
	ReasonNone:            {"none", 1000, ""},
	ReasonClientClosed:    {"client_closed", 1000, ""},
	ReasonLost:            {"connection_lost", 1006, ""},
	ReasonNoHello:         {"no_hello", 1002, "no HELLO within 10 s"},
	ReasonBadHello:        {"bad_hello", 1002, "the first message must be a CLASP HELLO"},
	ReasonNotGreeted:      {"not_greeted", 1008, "send HELLO first"},
	ReasonVersion:         {"version", 1002, "this router speaks CLASP version 1"},
	ReasonIdle:            {"idle", 1001, "silent past the session timeout"},
	ReasonSlow:            {"slow", 1013, "reads too slowly for what it subscribed to"},
	ReasonTooBig:          {"too_big", 1009, "message over the size limit"},
	ReasonShutdown:        {"shutdown", 1001, "the router is stopping"},
	ReasonUnauthenticated: {"unauthenticated", 1008, "no token that this router accepts"},
	ReasonExpired:         {"expired", 1008, "the token has expired"},
	ReasonBadFrame:        {"bad_frame", 1002, "bytes that are no CLASP frame"},
	ReasonEvicted:         {"evicted", 1013, "made room for others"},
	ReasonFull:            {"full", 1013, "this router holds its limit of connections"},
}

// String returns the label used in logs and metrics.
func (r Reason) String() string { return reasons[r].label }

// CloseCode returns the WebSocket close code.
func (r Reason) CloseCode() uint16 { return reasons[r].code }

// Text says the reason in words, for the client.
func (r Reason) Text() string { return reasons[r].text }
