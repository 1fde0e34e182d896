// Package wire is the byte level of CLASP: frames, values and messages, and nothing that knows a session or a param.
//
// The contract is the protocol page, sections 1 to 4. Encoders append to a buffer of the caller's (AppendSet, AppendAck);
// decoders return structs by value whose []byte fields are views into the payload, so a decoded message lives exactly as
// long as the buffer it came from: copy what is to be kept. Decoding SET, PUBLISH, SUBSCRIBE and GET allocates nothing.
//
// Every decoder may be given any bytes. It answers with a message or a *ProtocolError, does work linear in the input, and
// checks each count and length against the bytes that remain before it believes it. Address and pattern syntax is not
// checked here; UTF-8 is.
//
// Payloads come in two encodings, told apart by their first byte (IsLegacy). The older one, MessagePack, is rewritten to the
// binary one by Transcode, so that there is one decoder for each message.
package wire

// Limits of the protocol.
const (
	Version    = 1     // the protocol version HELLO and WELCOME carry
	HeaderSize = 4     // bytes of a frame header without timestamp
	MaxHeader  = 12    // and with one
	MaxPayload = 65535 // bytes of one frame's payload: its length field is 16 bits wide
	MaxDepth   = 32    // arrays and maps around one scalar; a scalar alone has depth 0, [1] has depth 1 (protocol section 2)
)
