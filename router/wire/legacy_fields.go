package wire

// The named fields of a legacy message (protocol section 4): finding them in a MessagePack map and reading them with the
// kind they must have.

import (
	"math"
	"strconv"
	"strings"
)

type field int

const (
	fieldAbsolute field = iota
	fieldAccess
	fieldAddress
	fieldDatatype
	fieldDefault
	fieldDescription
	fieldDuration
	fieldEpsilon
	fieldFeatures
	fieldFrom
	fieldHistory
	fieldID
	fieldKeyframes
	fieldLimit
	fieldLock
	fieldLoop
	fieldMaxRate
	fieldMessages
	fieldMeta
	fieldName
	fieldNamespace
	fieldOptions
	fieldPattern
	fieldPayload
	fieldPhase
	fieldRange
	fieldRate
	fieldRevision
	fieldSamples
	fieldSignal
	fieldSignals
	fieldSliding
	fieldStartTime
	fieldT1
	fieldT2
	fieldT3
	fieldTimeline
	fieldTimestamp
	fieldTo
	fieldToken
	fieldTTL
	fieldType
	fieldTypes
	fieldUnit
	fieldUnlock
	fieldValue
	fieldVersion
	fieldWindow
	fieldCount
)

var fieldNames = [fieldCount]string{
	fieldAbsolute: "absolute", fieldAccess: "access", fieldAddress: "address", fieldDatatype: "datatype", fieldDefault: "default",
	fieldDescription: "description", fieldDuration: "duration", fieldEpsilon: "epsilon", fieldFeatures: "features",
	fieldFrom: "from", fieldHistory: "history", fieldID: "id", fieldKeyframes: "keyframes", fieldLimit: "limit", fieldLock: "lock",
	fieldLoop: "loop", fieldMaxRate: "max_rate", fieldMessages: "messages", fieldMeta: "meta", fieldName: "name",
	fieldNamespace: "namespace", fieldOptions: "options", fieldPattern: "pattern", fieldPayload: "payload", fieldPhase: "phase",
	fieldRange: "range", fieldRate: "rate", fieldRevision: "revision", fieldSamples: "samples", fieldSignal: "signal",
	fieldSignals: "signals", fieldSliding: "sliding", fieldStartTime: "start_time", fieldT1: "t1", fieldT2: "t2", fieldT3: "t3",
	fieldTimeline: "timeline", fieldTimestamp: "timestamp", fieldTo: "to", fieldToken: "token", fieldTTL: "ttl", fieldType: "type",
	fieldTypes: "types", fieldUnit: "unit", fieldUnlock: "unlock", fieldValue: "value", fieldVersion: "version",
	fieldWindow: "window",
}

// fieldKeys finds a field by any of its spellings: snake_case, JavaScript's camelCase, and what else clients write.
var fieldKeys = func() map[string]field {
	keys := map[string]field{"loop_": fieldLoop, "Sliding": fieldSliding, "Absolute": fieldAbsolute}
	for f, name := range fieldNames {
		words := strings.Split(name, "_")
		for i, word := range words[1:] {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
		keys[name] = field(f)
		keys[strings.Join(words, "")] = field(f)
	}
	return keys
}()

// packedFields is a MessagePack map whose known fields have been found and whose content has been checked whole. Unknown
// keys are ignored; of two entries with the same key the last counts.
type packedFields struct {
	*reader
	at [fieldCount]int // where the item begins; 0 is absent, as the map's own head comes before every item
}

// aroundValue is how many arrays and maps a message puts around a value at most: signals, a signal, its meta.
const aroundValue = 3

// packedFields reads the map that comes next. What becomes a value may be MaxDepth deep; keyframes get a map around them.
func (r *reader) packedFields() packedFields {
	m := packedFields{reader: r}
	start := r.pos
	head := r.packed()
	if head.code != MapCode {
		r.fail("not a map", start)
	}
	for n := head.n; n > 0 && r.err == nil; n-- {
		f, known := fieldKeys[string(r.packedKey())]
		levels := MaxDepth + aroundValue
		if known {
			m.at[f] = r.pos
			switch f {
			case fieldValue, fieldPayload, fieldTimeline, fieldDefault:
				levels = MaxDepth
			case fieldKeyframes:
				levels = MaxDepth - 1
			}
		}
		r.checkPacked(levels)
	}
	if r.err != nil {
		m.at = [fieldCount]int{} // nothing in it has been checked whole
	}
	return m
}

// has says whether the field is there and not nil, which means absent.
func (m *packedFields) has(f field) bool {
	return m.at[f] != 0 && m.p[m.at[f]] != packedNil
}

// need refuses a message without the field.
func (m *packedFields) need(f field) {
	if !m.has(f) {
		m.fail(fieldNames[f]+" is missing", m.at[f])
	}
}

// wrong refuses a field that is not what it must be.
func (m *packedFields) wrong(f field, want string) {
	m.fail(fieldNames[f]+" is not "+want, m.at[f])
}

// item reads the field, null if it is absent.
func (m *packedFields) item(f field) packed {
	if !m.has(f) {
		return packed{}
	}
	m.pos = m.at[f]
	return m.packed()
}

// fields reads the field, which must be there, as a map.
func (m *packedFields) fields(f field) packedFields {
	m.pos = m.at[f]
	return m.packedFields()
}

// list returns the number of items of the field and leaves the reader in front of the first.
func (m *packedFields) list(f field) int {
	it := m.item(f)
	if m.has(f) && it.code != ArrayCode {
		m.wrong(f, "a list")
		return 0
	}
	return it.n
}

// names calls each with every item of a list of strings.
func (m *packedFields) names(f field, each func(name string)) {
	for n := m.list(f); n > 0 && m.err == nil; n-- {
		it := m.packed()
		if it.code != StringCode {
			m.wrong(f, "a list of strings")
			return
		}
		each(string(it.data))
	}
}

// text reads a string, empty if it is absent.
func (m *packedFields) text(f field) []byte {
	it := m.item(f)
	if m.has(f) && it.code != StringCode {
		m.wrong(f, "a string")
	}
	return it.data
}

// flag reads a bool, false if it is absent.
func (m *packedFields) flag(f field) bool {
	it := m.item(f)
	if m.has(f) && it.code != BoolCode {
		m.wrong(f, "true or false")
	}
	return it.integer != 0
}

// number reads an integer or a float, 0 if it is absent.
func (m *packedFields) number(f field) float64 {
	it := m.item(f)
	if m.has(f) && !it.isNumber() {
		m.wrong(f, "a number")
	}
	return it.float
}

// uint reads a whole number from 0 to limit, 0 if it is absent. A float will do, as JavaScript has no other numbers.
func (m *packedFields) uint(f field, limit uint64) uint64 {
	it := m.item(f)
	n := uint64(it.integer)
	whole := it.code == I64Code && it.integer >= 0
	if it.code == F64Code && it.float >= 0 && it.float < 1<<64 {
		n = uint64(it.float)
		whole = it.float == math.Trunc(it.float)
	}
	if m.has(f) && (!whole || n > limit) {
		m.wrong(f, "a whole number from 0 to "+strconv.FormatUint(limit, 10))
	}
	return n
}

// u32 reads a field that is a u32 in the binary encoding.
func (m *packedFields) u32(f field) uint32 { return uint32(m.uint(f, math.MaxUint32)) }

// u64 reads a field that is a u64 in the binary encoding.
func (m *packedFields) u64(f field) uint64 { return m.uint(f, math.MaxUint64) }

// value turns the field, which must be there, into a value.
func (m *packedFields) value(f field) Value {
	m.pos = m.at[f]
	return valueOf(m.appendPacked(nil))
}

// valueOf returns the view of an encoded value that is the whole of b.
func valueOf(b []byte) Value { return Value{Code: b[0], Data: b[1:]} }

func (it packed) isNumber() bool { return it.code == I64Code || it.code == F64Code }
