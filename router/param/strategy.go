package param

import "fmt"

// Strategy decides between a write and the value that is there, for addresses
// the operator names in the configuration (protocol section 7).
type Strategy uint8

const (
	// LastWriteWins takes every write, in the order of arrival. The default.
	LastWriteWins Strategy = iota
	// Max takes a number only when it is greater than the one there.
	Max
	// Min takes a number only when it is less than the one there.
	Min
	// Lock gives the param's lock to whoever writes while it is free.
	Lock
)

var strategyNames = [...]string{"lww", "max", "min", "lock"}

// String returns the name used in configuration.
func (s Strategy) String() string { return strategyNames[s] }

// ParseStrategy returns the strategy of a name used in configuration.
func ParseStrategy(name string) (Strategy, error) {
	for i, n := range strategyNames {
		if n == name {
			return Strategy(i), nil
		}
	}
	return 0, fmt.Errorf("conflict strategy %q is not known: use lww, max, min or lock", name)
}

// Refuses reports whether a write is turned down, given how its number stands to the
// one there: above (1), below (-1) or equal (0). When that is not known, because the two
// cannot be compared, the write is taken.
func (s Strategy) Refuses(order int, known bool) bool {
	switch s {
	case Max:
		return known && order <= 0
	case Min:
		return known && order >= 0
	default:
		return false
	}
}
