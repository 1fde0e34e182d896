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

	// Those of a router with pairing (pairing section 8).
	ReasonUnpaired       // no token, or none that is known
	ReasonGrantEnded     // the time for which the device was let in has ended
	ReasonPINInvalid     // a wrong PIN at HELLO
	ReasonPINExpired     // a PIN at HELLO that is over
	ReasonPairingClosed  // nobody new is let in
	ReasonPairingDenied  // the operator has said no
	ReasonTransport      // this device may not come over this transport
	ReasonPairingTimeout // waited for too long
	ReasonRevoked        // the device is no longer let in
	ReasonPairingLocked  // too many wrong PINs
	ReasonPairingBusy    // too many wait to be let in, or one of them asks too much
	ReasonRightsChanged  // the device has other rights now, and has to connect again

	// What the operator has asked for while looking on.
	ReasonDisconnected // may come again at once
	ReasonBanned       // kept out until the router restarts
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

	ReasonUnpaired:       {"unpaired", 4401, "no token that this router accepts"},
	ReasonGrantEnded:     {"grant_ended", 4401, "the time for which this device was let in has ended"},
	ReasonPINInvalid:     {"pin_invalid", 4401, "the PIN is wrong"},
	ReasonPINExpired:     {"pin_expired", 4401, "code already used or expired: paste the device token, or ask for another code"},
	ReasonPairingClosed:  {"pairing_closed", 4403, "nobody new is let in now"},
	ReasonPairingDenied:  {"pairing_denied", 4403, "the operator has said no"},
	ReasonTransport:      {"transport_not_allowed", 4403, "this device may not come over this transport"},
	ReasonPairingTimeout: {"pairing_timeout", 4408, "waited too long to be let in: connect again to ask again"},
	ReasonRevoked:        {"revoked", 4410, "this device is no longer let in"},
	ReasonPairingLocked:  {"pairing_locked", 4429, "too many wrong PINs: the operator has to unlock them"},
	ReasonPairingBusy:    {"pairing_busy", 4429, "too many wait to be let in"},
	ReasonRightsChanged:  {"rights_changed", 1012, "the rights of this device have changed: connect again"},

	ReasonDisconnected: {"disconnected", 1001, "the operator has ended this connection"},
	ReasonBanned:       {"banned", 1008, "banned by the operator until the router restarts"},
}

// String returns the label used in logs and metrics.
func (r Reason) String() string { return reasons[r].label }

// CloseCode returns the WebSocket close code.
func (r Reason) CloseCode() uint16 { return reasons[r].code }

// Text says the reason in words, for the client.
func (r Reason) Text() string { return reasons[r].text }
