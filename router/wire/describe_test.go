package wire_test

// Turning payloads into descriptions that compare, and back into bytes: what the vector, truncation and fuzz tests share.

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// message is a decoded message as plain JSON data: numbers are float64, values as AppendJSON prints them.
type message = map[string]any

// describe decodes a binary payload of any type.
func describe(t testing.TB, payload []byte) (message, error) {
	d, _, err := decode(t, payload)
	return d, err
}

// reencode decodes a binary payload of any type and encodes what it decoded.
func reencode(t testing.TB, payload []byte) ([]byte, error) {
	_, encoded, err := decode(t, payload)
	return encoded, err
}

func decode(t testing.TB, payload []byte) (message, []byte, error) {
	if len(payload) == 0 {
		_, err := wire.DecodeSet(payload) // an empty payload has no type: any decoder must refuse it
		return nil, nil, err
	}
	kind := wire.Type(payload[0])
	d := message{"type": kind.String()}
	set := func(present bool, key string, x any) {
		if present {
			d[key] = x
		}
	}
	switch kind {
	case wire.TypeHello:
		m, err := wire.DecodeHello(payload)
		d["version"], d["features"], d["name"] = number(m.Version), number(m.Features), string(m.Name)
		set(len(m.Token) > 0, "token", string(m.Token))
		return d, wire.AppendHello(nil, m), err
	case wire.TypeWelcome:
		m, err := wire.DecodeWelcome(payload)
		d["version"], d["features"], d["time"] = number(m.Version), number(m.Features), number(m.Time)
		d["session"], d["name"] = string(m.Session), string(m.Name)
		set(len(m.Token) > 0, "token", string(m.Token))
		return d, wire.AppendWelcome(nil, m), err
	case wire.TypeAnnounce:
		m, err := wire.DecodeAnnounce(payload)
		if err != nil {
			return nil, nil, err
		}
		out := wire.BeginAnnounce(nil, m.Namespace)
		signals := []any{}
		for s, ok := m.Next(); ok; s, ok = m.Next() {
			signals = append(signals, describeSignal(t, s))
			out = wire.AppendAnnounceSignal(out, s)
		}
		checkCount(t, m.Count, len(signals))
		wire.SetAnnounceCount(out, m.Count)
		d["namespace"], d["signals"] = string(m.Namespace), signals
		return d, out, nil
	case wire.TypeSubscribe:
		m, err := wire.DecodeSubscribe(payload)
		d["id"], d["pattern"], d["types"] = number(m.ID), string(m.Pattern), number(m.Types)
		set(m.HasMaxRate, "maxRate", number(m.MaxRate))
		set(m.HasEpsilon, "epsilon", m.Epsilon)
		set(m.HasHistory, "history", number(m.History))
		set(m.HasWindow, "window", number(m.Window))
		return d, wire.AppendSubscribe(nil, m), err
	case wire.TypeUnsubscribe:
		m, err := wire.DecodeUnsubscribe(payload)
		d["id"] = number(m.ID)
		return d, wire.AppendUnsubscribe(nil, m), err
	case wire.TypePublish:
		m, err := wire.DecodePublish(payload)
		if err != nil {
			return nil, nil, err
		}
		d["signal"], d["address"] = m.Signal.String(), string(m.Address)
		set(m.Signal == wire.Gesture, "phase", m.Phase.String())
		set(m.HasValue, "value", describeValue(t, m.Value))
		set(m.HasSamples, "samples", describeSamples(m.Samples))
		set(m.HasTimestamp, "timestamp", number(m.Timestamp))
		set(m.HasID, "id", number(m.ID))
		set(m.HasRate, "rate", number(m.Rate))
		out := wire.AppendPublish(nil, m)
		if m.Size != len(out) || m.Size > len(payload) {
			t.Errorf("PUBLISH: Size is %d, the message takes %d of %d bytes", m.Size, len(out), len(payload))
		}
		return d, out, nil
	case wire.TypeSet:
		m, err := wire.DecodeSet(payload)
		if err != nil {
			return nil, nil, err
		}
		d["address"], d["value"] = string(m.Address), describeValue(t, m.Value)
		set(m.HasRevision, "revision", number(m.Revision))
		set(m.Lock, "lock", true)
		set(m.Unlock, "unlock", true)
		set(m.HasTTL, "ttl", number(m.TTL))
		return d, wire.AppendSet(nil, m), nil
	case wire.TypeGet:
		m, err := wire.DecodeGet(payload)
		d["address"] = string(m.Address)
		return d, wire.AppendGet(nil, m), err
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(payload)
		if err != nil {
			return nil, nil, err
		}
		out := wire.BeginSnapshot(nil)
		params := []any{}
		for e, ok := m.Next(); ok; e, ok = m.Next() {
			p := message{"address": string(e.Address), "value": describeValue(t, e.Value), "revision": number(e.Revision)}
			if e.HasWriter {
				p["writer"] = string(e.Writer)
			}
			if e.HasTimestamp {
				p["timestamp"] = number(e.Timestamp)
			}
			params = append(params, p)
			out = wire.AppendSnapshotEntry(out, e)
		}
		checkCount(t, m.Count, len(params))
		wire.SetSnapshotCount(out, m.Count)
		d["params"] = params
		return d, out, nil
	case wire.TypeReplay:
		m, err := wire.DecodeReplay(payload)
		d["pattern"], d["types"] = string(m.Pattern), number(m.Types)
		set(m.HasFrom, "from", number(m.From))
		set(m.HasTo, "to", number(m.To))
		set(m.HasLimit, "limit", number(m.Limit))
		return d, wire.AppendReplay(nil, m), err
	case wire.TypeBundle:
		m, err := wire.DecodeBundle(payload)
		if err != nil {
			return nil, nil, err
		}
		set(m.HasTimestamp, "timestamp", number(m.Timestamp))
		out := wire.BeginBundle(nil, m.HasTimestamp, m.Timestamp)
		messages := []any{}
		for p, ok := m.Next(); ok; p, ok = m.Next() {
			if len(p) > 0 && wire.Type(p[0]) == wire.TypeBundle {
				return nil, nil, &wire.ProtocolError{Code: wire.CodeBadMessage, Message: "bundle in a bundle"} // as the router does
			}
			inner, again, err := decode(t, p)
			if err != nil {
				return nil, nil, err
			}
			messages = append(messages, inner)
			if out, err = wire.AppendBundleMessage(out, again); err != nil {
				t.Errorf("BUNDLE: %v", err)
			}
		}
		checkCount(t, m.Count, len(messages))
		wire.SetBundleCount(out, m.Count)
		d["messages"] = messages
		return d, out, nil
	case wire.TypeSync:
		m, err := wire.DecodeSync(payload)
		d["t1"] = number(m.T1)
		set(m.HasT2, "t2", number(m.T2))
		set(m.HasT3, "t3", number(m.T3))
		return d, wire.AppendSync(nil, m), err
	case wire.TypePing:
		return d, wire.AppendPing(nil), nil
	case wire.TypePong:
		return d, wire.AppendPong(nil), nil
	case wire.TypeAck:
		m, err := wire.DecodeAck(payload)
		set(m.HasAddress, "address", string(m.Address))
		set(m.HasRevision, "revision", number(m.Revision))
		set(m.HasLocked, "locked", m.Locked)
		set(m.HasHolder, "holder", string(m.Holder))
		set(m.HasCorrelation, "correlationId", number(m.Correlation))
		return d, wire.AppendAck(nil, m), err
	case wire.TypeError:
		m, err := wire.DecodeError(payload)
		d["code"], d["message"] = number(m.Code), string(m.Message)
		set(m.HasAddress, "address", string(m.Address))
		set(m.HasCorrelation, "correlationId", number(m.Correlation))
		return d, wire.AppendError(nil, m), err
	case wire.TypeQuery:
		m, err := wire.DecodeQuery(payload)
		d["pattern"] = string(m.Pattern)
		return d, wire.AppendQuery(nil, m), err
	case wire.TypeResult:
		m, err := wire.DecodeResult(payload)
		if err != nil {
			return nil, nil, err
		}
		out := wire.BeginResult(nil)
		signals := []any{}
		for s, ok := m.Next(); ok; s, ok = m.Next() {
			signals = append(signals, describeSignal(t, s))
			out = wire.AppendResultSignal(out, s)
		}
		checkCount(t, m.Count, len(signals))
		wire.SetResultCount(out, m.Count)
		d["signals"] = signals
		return d, out, nil
	}
	return nil, nil, &wire.ProtocolError{Code: wire.CodeBadMessage, Message: kind.String()} // as the router does
}

func checkCount(t testing.TB, stated, read int) {
	if stated != read {
		t.Errorf("Count is %d, Next gave %d", stated, read)
	}
}

func number[N ~uint8 | ~uint16 | ~uint32 | ~uint64](n N) float64 { return float64(n) }

func describeSignal(t testing.TB, s wire.SignalInfo) message {
	d := message{"address": string(s.Address), "type": s.Signal.String()}
	if s.HasDatatype {
		d["datatype"] = string(s.Datatype)
	}
	if s.HasAccess {
		d["access"] = string(s.Access)
	}
	if s.HasMeta {
		meta := message{}
		if s.Meta.HasUnit {
			meta["unit"] = string(s.Meta.Unit)
		}
		if s.Meta.HasRange {
			meta["range"] = []any{s.Meta.Min, s.Meta.Max}
		}
		if s.Meta.HasDefault {
			meta["default"] = describeValue(t, s.Meta.Default)
		}
		if s.Meta.HasDescription {
			meta["description"] = string(s.Meta.Description)
		}
		d["meta"] = meta
	}
	return d
}

func describeValue(t testing.TB, v wire.Value) any {
	var x any
	text := wire.AppendJSON(nil, v)
	if err := json.Unmarshal(text, &x); err != nil {
		t.Errorf("AppendJSON printed %s: %v", text, err)
	}
	return x
}

func describeSamples(raw []byte) []any {
	samples := []any{}
	for ; len(raw) >= 8; raw = raw[8:] {
		x, _ := wire.Value{Code: wire.F64Code, Data: raw[:8]}.Number()
		samples = append(samples, x)
	}
	return samples
}

// same compares descriptions; NaN equals NaN.
func same(a, b any) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }

// expected rewrites the message beside a vector to what describe gives for it.
func expected(t testing.TB, m message, legacy bool) message {
	d := message{}
	for key, x := range m {
		if x != nil || key == "value" && m["type"] == "SET" {
			d[key] = x
		}
	}
	switch m["type"] {
	case "HELLO", "WELCOME":
		bits := map[string]int{
			"param": wire.FeatureParam, "event": wire.FeatureEvent, "stream": wire.FeatureStream,
			"gesture": wire.FeatureGesture, "timeline": wire.FeatureTimeline,
		}
		features := 0
		for _, name := range m["features"].([]any) {
			features |= bits[name.(string)]
		}
		d["features"] = float64(features)
	case "SUBSCRIBE":
		bits := map[string]int{
			"param": wire.MaskParam, "event": wire.MaskEvent, "stream": wire.MaskStream,
			"gesture": wire.MaskGesture, "timeline": wire.MaskTimeline,
		}
		types := 0xFF
		if names, ok := m["types"].([]any); ok {
			types = 0
			for _, name := range names {
				types |= bits[name.(string)]
			}
		}
		d["types"] = float64(types)
		delete(d, "options")
		options, _ := m["options"].(message)
		for key, x := range options {
			d[key] = x
		}
	case "SET":
		for _, key := range []string{"lock", "unlock"} {
			if d[key] == false {
				delete(d, key)
			}
		}
		if m["absolute"] == true {
			d["ttl"] = m["ttl"].(float64) + wire.AbsoluteTTL
		}
		delete(d, "absolute")
	case "PUBLISH":
		if x, ok := m["payload"]; ok {
			delete(d, "payload")
			d["value"] = x
		}
		if !legacy { // the binary encoding has no place for them
			delete(d, "keyframes")
			delete(d, "loop")
		}
		if timeline, ok := m["timeline"].(message); ok {
			delete(d, "timeline")
			timeline["loop"] = timeline["loop_"]
			delete(timeline, "loop_")
			d["value"] = timeline
		}
		if d["signal"] == "gesture" && d["phase"] == nil {
			t.Error("a gesture vector without a phase")
		}
	case "BUNDLE":
		messages := []any{}
		for _, inner := range m["messages"].([]any) {
			messages = append(messages, expected(t, inner.(message), legacy))
		}
		d["messages"] = messages
	case "ANNOUNCE", "SNAPSHOT", "RESULT": // as they are
	}
	return d
}
