// Package frame makes the frames that transports send of their own accord.
package frame

import "github.com/clasp-studio/clasp/router/wire"

// Ping makes a client that only listens give a sign of life.
var Ping = Of(wire.AppendPing(nil))

// Of returns the frame of a payload that is known to fit one.
func Of(payload []byte) []byte {
	f, err := wire.AppendFrame(nil, wire.Fire, payload)
	if err != nil {
		panic(err) // the caller's mistake: over 64 KiB
	}
	return f
}
