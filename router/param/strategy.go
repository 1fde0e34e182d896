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

// Accepts reports whether a write of the number next may replace the number now.
// Callers ask it only for two numbers: other values are taken as they come.
func (s Strategy) Accepts(now, next float64) bool {
	switch s {
	case Max:
		return next > now
	case Min:
		return next < now
	default:
		return true
	}
}
