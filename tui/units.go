package tui

// Numbers as an operator reads them: never wider than the column they stand in, so that
// nothing on the screen moves when they change.

import (
	"strconv"
	"time"
)

// Widths that hold whatever the functions below return.
const (
	countWidth = 5 // "9,999" "12.3k" "1.2M"
	exactWidth = 9 // "9,999,999"
	rateWidth  = countWidth + 2
	bytesWidth = 7 // "12.3 kB"
	flowWidth  = bytesWidth + 2
	agoWidth   = 7 // "23 h 59"
	delayWidth = 6 // "9.9 ms"
)

// number is what can be counted.
type number interface {
	~int | ~int64 | ~uint32 | ~uint64 | ~float64
}

// count writes a number with at most five cells and three digits that mean something, but
// all digits below ten thousand: "7", "1,204", "12.3k", "4.1M".
func count[N number](n N) string {
	f := float64(n)
	switch {
	case !(f > 0): // a rate that is not a number is no rate
		return "0"
	case f < 9999.5:
		return grouped(int(f + 0.5))
	}
	text, power := short(f)
	return text + [...]string{"", "k", "M", "G", "T", "P", "E"}[power]
}

// rate is count with one digit after the point below ten, as small rates want it: "0.4".
func rate(n float64) string {
	if n > 0 && n < 9.95 {
		return strconv.FormatFloat(max(n, 0.1), 'f', 1, 64)
	}
	return count(n)
}

// perSecond is rate with its unit: "0.4/s", "12.3k/s".
func perSecond(n float64) string { return rate(n) + "/s" }

// bytesOf writes a size in steps of a thousand: "812 B", "12.3 kB".
func bytesOf[N number](n N) string {
	f := float64(n)
	switch {
	case !(f > 0):
		return "0 B"
	case f < 999.5:
		return strconv.Itoa(int(f+0.5)) + " B"
	}
	text, power := short(f)
	return text + " " + [...]string{"", "kB", "MB", "GB", "TB", "PB", "EB"}[power]
}

// ago writes how long something has lasted, by its two largest units where the second one
// says something: "3 s", "12 min", "4 h 10", "12 d".
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 24*time.Hour:
		m := int(d/time.Minute) % 60
		return strconv.Itoa(int(d/time.Hour)) + " h " + strconv.Itoa(m/10) + strconv.Itoa(m%10)
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " d"
}

// delay writes a round trip or the time a piece of work took: "0.4 ms", "12 ms", "1.2 s".
func delay(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case !(ms > 0):
		return "0 ms"
	case ms < 9.95:
		return strconv.FormatFloat(max(ms, 0.1), 'f', 1, 64) + " ms"
	case ms < 999.5:
		return strconv.Itoa(int(ms+0.5)) + " ms"
	case ms < 99950:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	}
	return ago(d)
}

// percent writes a share of one: of one core, more than a hundred is possible.
func percent(share float64) string {
	if share > 0 && share < 0.0995 {
		return strconv.FormatFloat(max(share*100, 0.1), 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(max(share*100, 0), 'f', 0, 64) + " %"
}

// grouped puts commas between thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// exact is all digits of a number, up to nine cells: "100,000"; for what there is room for.
func exact(n int) string {
	if n > 9_999_999 {
		return count(n)
	}
	return grouped(n)
}

// short divides by a thousand until at most three digits are left before the point, and
// says how often. What rounds up to a thousand is one of the next.
func short(f float64) (string, int) {
	power := 0
	for f >= 999.5 && power < 6 {
		f /= 1000
		power++
	}
	if f < 99.95 {
		return strconv.FormatFloat(f, 'f', 1, 64), power
	}
	return strconv.FormatFloat(min(f, 999), 'f', 0, 64), power
}
