package tui

import (
	"math"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"}, {count(7), "7"}, {count(999), "999"}, {count(1204), "1,204"}, {count(9999), "9,999"},
		{count(9999.6), "10.0k"}, {count(12345), "12.3k"}, {count(99949), "99.9k"}, {count(99950), "100k"}, {count(999499), "999k"},
		{count(999500), "1.0M"}, {count(uint64(4123456)), "4.1M"}, {count(uint64(math.MaxUint64)), "18.4E"},
		{count(-3), "0"}, {count(math.NaN()), "0"}, {count(math.Inf(1)), "999E"},
		{rate(0), "0"}, {rate(0.01), "0.1"}, {rate(0.44), "0.4"}, {rate(9.94), "9.9"}, {rate(9.96), "10"},
		{perSecond(12.4), "12/s"}, {perSecond(12345), "12.3k/s"},
		{bytesOf(0), "0 B"}, {bytesOf(999), "999 B"}, {bytesOf(999.6), "1.0 kB"}, {bytesOf(12345), "12.3 kB"}, {bytesOf(uint64(1) << 40), "1.1 TB"}, {bytesOf(-1), "0 B"},
		{ago(-time.Second), "0 s"}, {ago(3400 * time.Millisecond), "3 s"}, {ago(59 * time.Second), "59 s"}, {ago(12*time.Minute + 59*time.Second), "12 min"},
		{ago(4*time.Hour + 7*time.Minute), "4 h 07"}, {ago(23*time.Hour + 59*time.Minute), "23 h 59"}, {ago(24 * time.Hour), "1 d"}, {ago(400 * 24 * time.Hour), "400 d"},
		{delay(0), "0 ms"}, {delay(20 * time.Microsecond), "0.1 ms"}, {delay(440 * time.Microsecond), "0.4 ms"}, {delay(12 * time.Millisecond), "12 ms"},
		{delay(1249 * time.Millisecond), "1.2 s"}, {delay(5 * time.Minute), "5 min"},
		{percent(0), "0 %"}, {percent(0.0304), "3.0 %"}, {percent(0.42), "42 %"}, {percent(2.5), "250 %"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestNumbersStayInTheirColumns tries numbers of all sizes: none is wider than its column.
func TestNumbersStayInTheirColumns(t *testing.T) {
	check := func(s string, w int) {
		t.Helper()
		if n := ansi.StringWidth(s); n > w || n == 0 {
			t.Errorf("%q has %d cells, want 1 to %d", s, n, w)
		}
	}
	for f := 0.001; f < 1e20; f *= 1.005 {
		check(count(f), countWidth)
		check(rate(f), countWidth)
		check(perSecond(f), rateWidth)
		check(bytesOf(f), bytesWidth)
		if f < 1e15 {
			check(ago(time.Duration(f)), agoWidth)
			check(delay(time.Duration(f)), delayWidth+1) // hours of a round trip may stand out
		}
	}
}
