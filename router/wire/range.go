package wire

// Looking into arrays and maps without copying them.

// Range calls f for each item of an array, with a nil key, or each entry of a map, in their order, until f returns false.
// Any other value has none. Key and item are views.
func (v Value) Range(f func(key []byte, item Value) bool) {
	r := reader{p: v.Data}
	n := 0
	switch v.Code {
	case ArrayCode:
		n = r.count(minItemSize, "")
	case MapCode:
		n = r.count(minEntrySize, "")
	}
	for ; n > 0; n-- {
		var key []byte
		if v.Code == MapCode {
			key = r.string("")
		}
		item := r.value(r.u8(""))
		if r.err != nil || !f(key, item) {
			return
		}
	}
}
