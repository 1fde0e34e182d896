package router

import (
	"cmp"
	"math"

	"github.com/clasp-studio/clasp/router/wire"
)

// number is a value as the strategies max and min see it: an integer to the last
// digit, a float, or nothing that can be compared.
type number struct {
	numeric bool
	integer bool
	i       int64
	f       float64
}

func numberOf(v wire.Value) number {
	f, ok := v.Number()
	n := number{numeric: ok, f: f}
	if v.Code >= wire.I8Code && v.Code <= wire.I64Code {
		n.i, n.integer = v.Any().(int64)
	}
	return n
}

// compare returns how next stands to n: above (1), below (-1), equal (0), or not
// comparable (false), as a NaN is that must not stay for ever.
func (n number) compare(next number) (int, bool) {
	switch {
	case !n.numeric || !next.numeric || math.IsNaN(n.f):
		return 0, false
	case n.integer && next.integer:
		return cmp.Compare(next.i, n.i), true
	case math.IsNaN(next.f):
		return 0, true // never better than a number
	default:
		return cmp.Compare(next.f, n.f), true
	}
}
