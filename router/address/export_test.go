// What the black-box tests need to see from inside.

package address

// CountCompared calls f and returns how many bytes Match handed to comparisons of segments meanwhile. No other
// goroutine may match at the same time.
func CountCompared(f func()) (bytes int) {
	compared = func(n int) { bytes += n }
	defer func() { compared = nil }()
	f()
	return bytes
}
