package wire

// Check reports whether a payload is a well-formed message of any type.
func Check(payload []byte) error {
	var err error
	switch t := Type(payload[0]); t {
	case TypeWelcome:
		_, err = DecodeWelcome(payload)
	case TypeAnnounce:
		_, err = DecodeAnnounce(payload)
	case TypeSubscribe:
		_, err = DecodeSubscribe(payload)
	case TypeUnsubscribe:
		_, err = DecodeUnsubscribe(payload)
	case TypePublish:
		_, err = DecodePublish(payload)
	case TypeSet:
		_, err = DecodeSet(payload)
	case TypeGet:
		_, err = DecodeGet(payload)
	case TypeSnapshot:
		_, err = DecodeSnapshot(payload)
	case TypeReplay:
		_, err = DecodeReplay(payload)
	case TypeBundle:
		_, err = DecodeBundle(payload)
	case TypeSync:
		_, err = DecodeSync(payload)
	case TypePing, TypePong:
	case TypeAck:
		_, err = DecodeAck(payload)
	case TypeError:
		_, err = DecodeError(payload)
	case TypeQuery:
		_, err = DecodeQuery(payload)
	case TypeResult:
		_, err = DecodeResult(payload)
	default:
		err = protocolErrorf(CodeBadMessage, "unknown message type 0x%02x", payload[0])
	}
	return err
}
