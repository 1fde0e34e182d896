// What messages, ERRORs and the like are counted by: the labels of the metrics, and how the
// path of a message finds their numbers.

package router

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/wire"
)

// kind is a type of messages as it is counted. 0 is what is no message: of a type that there is
// not, or not read because it came too fast and its first byte does not say.
type kind uint8

var (
	allTypes = wire.Types()
	allCodes = wire.Codes()
)

// kinds is how many there are. It is a constant because tallies are arrays.
const kinds = 19

// kindOf finds the kind of a payload by its first byte.
var kindOf = func() (of [256]kind) {
	if len(allTypes)+1 != kinds {
		panic("wire has other types than are counted") // a mistake in this package
	}
	for i, t := range allTypes {
		of[t] = kind(i + 1)
	}
	return of
}()

// label is what the metrics call it, as the reference implementation does.
func (k kind) label() string {
	if k == 0 {
		return "unknown"
	}
	return strings.ToLower(allTypes[k-1].String())
}

// kindSet is some kinds, a bit each.
type kindSet uint32

func kindsOf(types ...wire.Type) (s kindSet) {
	for _, t := range types {
		s |= 1 << kindOf[t]
	}
	return s
}

func (s kindSet) has(k kind) bool { return s>>k&1 != 0 }

// errorCounts are ERRORs by code, as in allCodes.
type errorCounts [26]atomic.Uint64

func (e *errorCounts) add(c wire.Code) {
	if i := slices.Index(allCodes, c); i >= 0 { // none is missing, see the test of wire.Codes
		e[i].Add(1)
	}
}
