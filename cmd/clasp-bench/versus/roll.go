// Which of so many numbered values have come: what a late joiner is held to.

package versus

// roll is the values that are due, numbered from 0.
type roll struct {
	came     []uint64 // a bit each
	missing  int
	repeated int
	strange  int // that nobody had stored
}

func newRoll(count int) *roll {
	return &roll{came: make([]uint64, (count+63)/64), missing: count}
}

// call notes that value number has come.
func (l *roll) call(number uint64, count int) {
	if number >= uint64(count) {
		l.strange++
		return
	}
	word, bit := &l.came[number/64], uint64(1)<<(number%64)
	if *word&bit != 0 {
		l.repeated++
		return
	}
	*word |= bit
	l.missing--
}
