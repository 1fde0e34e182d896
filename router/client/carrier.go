package client

// What differs between transports, and which URL belongs to which.

import (
	"context"
	"crypto/tls"
	"io"
	"time"
)

// carrier is a connection by one transport, as a link sees it. One goroutine reads and one writes; the rest may be called by any.
type carrier interface {
	// refuses says why bytes that a caller wants sent cannot be, "" if they can. Others' messages are not harmed by them.
	refuses(frames []byte) (why string)
	// frame appends a CLASP frame as it is written.
	frame(dst, frame []byte) []byte
	// next returns one or more whole frames, good until the next call. What the transport itself has to answer goes to answer,
	// which queues it behind what is pending and counts it as a sign of life.
	next(answer func(raw []byte)) ([]byte, error)
	// Write writes what frame has made; Close and SetDeadline end it early.
	io.WriteCloser
	SetDeadline(time.Time) error
	// goodbye follows the last Write of a client that was closed. The router then ends the connection, and next fails.
	goodbye() error
}

// transport is what a URL scheme stands for.
type transport struct {
	port string // when the URL names none, "" = the scheme's own
	path bool   // the URL may have a path
	dial func(ctx context.Context, url string, t *tls.Config) (carrier, error)
}

// transports are the schemes that Dial takes.
var transports = map[string]transport{
	"ws":   {port: "7330", path: true, dial: dialWebSocket},
	"wss":  {path: true, dial: dialWebSocket},
	"quic": {port: "7330", dial: dialQUIC},
	"udp":  {port: "7331", dial: dialUDP},
	"tcp":  {port: "7332", dial: dialTCP},
}
