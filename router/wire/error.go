package wire

// The error codes of protocol section 11 and the error that carries one.

import (
	"fmt"
	"strconv"
)

// Code is the number an ERROR message carries (protocol section 11).
type Code uint16

// Every code of protocol section 11.
const (
	CodeBadFrame        Code = 100 // not a frame, or a message out of order
	CodeBadMessage      Code = 101 // a frame whose payload does not decode
	CodeVersion         Code = 102
	CodeBadAddress      Code = 200
	CodeNotFound        Code = 201
	CodeBadPattern      Code = 202
	CodeUnauthenticated Code = 300
	CodeForbidden       Code = 301
	CodeExpired         Code = 302
	CodeConflict        Code = 400 // revision or conflict strategy
	CodeLocked          Code = 401
	CodeBadValue        Code = 402 // out of range, or too large for a frame
	CodeNoSession       Code = 404
	CodeLimit           Code = 429
	CodeInternal        Code = 500
	CodeUnavailable     Code = 501
	CodeOverloaded      Code = 503
)

// What a device is told about being let in or not (pairing section 8).
const (
	CodePairingPending  Code = 310 // it waits for the operator
	CodePairingClosed   Code = 311
	CodePINInvalid      Code = 313
	CodePINExpired      Code = 314 // or used
	CodePairingLocked   Code = 315
	CodePairingDenied   Code = 316
	CodeTokenRevoked    Code = 317
	CodePairingBusy     Code = 318
	CodeTransportDenied Code = 319
)

// Codes returns every code there is, in the order of their numbers.
func Codes() []Code {
	return []Code{
		CodeBadFrame, CodeBadMessage, CodeVersion, CodeBadAddress, CodeNotFound, CodeBadPattern, CodeUnauthenticated, CodeForbidden,
		CodeExpired, CodePairingPending, CodePairingClosed, CodePINInvalid, CodePINExpired, CodePairingLocked, CodePairingDenied,
		CodeTokenRevoked, CodePairingBusy, CodeTransportDenied, CodeConflict, CodeLocked, CodeBadValue, CodeNoSession, CodeLimit,
		CodeInternal, CodeUnavailable, CodeOverloaded,
	}
}

// ProtocolError says what was wrong with bytes or values and which code an ERROR message about it carries.
// Message names the message, the field and the byte offset in the payload.
type ProtocolError struct {
	Code    Code
	Message string
}

// Error returns the code and the message: "101: SET: address runs past the payload at byte 4".
func (e *ProtocolError) Error() string {
	return strconv.Itoa(int(e.Code)) + ": " + e.Message
}

func protocolErrorf(c Code, format string, args ...any) error {
	return &ProtocolError{Code: c, Message: fmt.Sprintf(format, args...)}
}
