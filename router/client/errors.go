package client

// What a call can fail with, besides the end of its context.

import (
	"errors"
	"fmt"

	"github.com/clasp-studio/clasp/router/wire"
)

var (
	// ErrBadURL says that what Dial got is no URL of a transport it knows.
	ErrBadURL = errors.New("not the URL of a router")
	// ErrBadOptions says that no router would take what Dial got in its Options.
	ErrBadOptions = errors.New("not usable")
	// ErrNotConnected says that there is no connection and nothing was sent.
	ErrNotConnected = errors.New("not connected to the router: nothing was sent")
	// ErrDisconnected says that the connection broke before the answer came: the request may or may not have been applied.
	ErrDisconnected = errors.New("connection to the router lost")
	// ErrClosed says that Close was called. What was waiting for an answer may or may not have been applied.
	ErrClosed = errors.New("client closed")
	// ErrSlowHandler ends a connection whose messages the handlers cannot keep up with (see Handler).
	ErrSlowHandler = errors.New("the handlers are too slow for what arrives")
)

// Error is a refusal: by the router, or by the client for what the router would refuse (an address that is none, a value
// that does not fit, a message of more than the 65507 bytes that a UDP datagram holds). Nothing was changed.
type Error struct {
	Code    wire.Code // protocol section 11
	Message string
	Address string // what it is about, "" if the router names none
}

// Error returns the address, the router's words and the code: "/a: locked by 1f0c (error 401)".
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (error %d)", e.Message, e.Code)
	if e.Address != "" {
		text = e.Address + ": " + text
	}
	return text
}

// IsCode reports whether err is a refusal with this code.
func IsCode(err error, code wire.Code) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == code
}

// refusal turns what the wire package found wrong with a value or a message into an Error about an address.
func refusal(address string, err error) error {
	var protocol *wire.ProtocolError
	if errors.As(err, &protocol) {
		return &Error{Code: protocol.Code, Message: protocol.Message, Address: address}
	}
	return fmt.Errorf("%s: %w", address, err)
}

// aboutSession reports whether an ERROR is about the session instead of a message: drops told, a token that ran out, a device
// that was turned away or revoked.
func aboutSession(m *wire.ErrorMessage) bool {
	if m.HasAddress {
		return false
	}
	switch m.Code {
	case wire.CodeOverloaded, wire.CodeExpired, wire.CodeUnauthenticated,
		wire.CodePairingDenied, wire.CodeTokenRevoked, wire.CodePairingBusy:
		return true
	}
	return false
}

// hopeless reports whether a refused handshake would be refused again: another token, another client or the operator is
// needed. A router that only has no room (318), or takes no PINs for a while (315), may let it in later.
func hopeless(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case wire.CodeVersion, wire.CodeUnauthenticated, wire.CodeForbidden, wire.CodeExpired,
		wire.CodePairingClosed, wire.CodePINInvalid, wire.CodePINExpired, wire.CodePairingDenied, wire.CodeTokenRevoked, wire.CodeTransportDenied:
		return true
	}
	return false
}
