// Numbers as people read them: three digits and a unit of a fitting size.

package versus

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// format prints a number with its unit.
func (u unit) format(x float64) string {
	switch {
	case u == perSecond:
		return scaled(x) + "/s"
	case u == plain && x == math.Trunc(x) && x < 9995:
		return fmt.Sprint(int(x))
	case u == plain:
		return scaled(x)
	case u == percent:
		return digits(x) + " %"
	case u == times:
		return digits(x) + "×"
	case u == micros && x >= 1000:
		return millis.format(x / 1000)
	case u == millis && x >= 1000:
		return seconds.format(x / 1000)
	case u == bytesUnit && x >= 10<<10:
		return kib.format(x / (1 << 10))
	case u == kib && x >= 10<<10:
		return mib.format(x / (1 << 10))
	default:
		return digits(x) + " " + string(u)
	}
}

// round prints a round number: without the zeros behind it that say how exact one is.
func (u unit) round(x float64) string {
	words := u.format(x)
	end := strings.IndexFunc(words, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(words)
	}
	number := words[:end]
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + words[end:]
}

// scaled prints thousands and millions as such.
func scaled(x float64) string {
	switch {
	case x >= 999.5e3:
		return digits(x/1e6) + " M"
	case x >= 9995:
		return digits(x/1e3) + " k"
	default:
		return digits(x)
	}
}

// digits prints three of them at least, and no exponent.
func digits(x float64) string {
	if x == 0 {
		return "0"
	}
	_, exponent, _ := strings.Cut(strconv.FormatFloat(x, 'e', 2, 64), "e") // of what three digits make of it
	power, _ := strconv.Atoi(exponent)
	return strconv.FormatFloat(x, 'f', min(max(0, 2-power), 6), 64)
}

// factor prints how many times one number is another.
func factor(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "∞×"
	case x >= 9.95:
		return fmt.Sprintf("%.0f×", x)
	case x >= 0.095:
		return fmt.Sprintf("%.2f×", x)
	default:
		return fmt.Sprintf("%.4f×", x)
	}
}
