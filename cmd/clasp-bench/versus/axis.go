// The axis of a plot: logarithmic, from one round number to another.

package versus

import "math"

// axis goes from a step to another. A step is a number of the row … 0.1, 0.2, 0.5, 1, 2, 5,
// 10 …, counted from 1.
type axis struct{ from, to int }

// step is the number at a step.
func step(i int) float64 {
	decade, of := floorDiv(i, 3), i-3*floorDiv(i, 3)
	return [...]float64{1, 2, 5}[of] * math.Pow10(decade)
}

func floorDiv(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

// axisOf spans what all these panels show, so that they can be compared.
func axisOf(panels []panel) axis {
	least, most := math.Inf(1), 0.0
	for _, p := range panels {
		for _, r := range p.t.Rows {
			if s, there := r.number(p.c); there {
				most = max(most, s.Max)
				if s.Min > 0 { // nothing, on such an axis, is where it begins
					least = min(least, s.Min)
				}
			}
		}
	}
	if most <= 0 {
		return axis{0, 3}
	}
	near := int(math.Floor(3 * math.Log10(least)))
	a := axis{near + 2, near - 2}
	for step(a.from) > least {
		a.from--
	}
	for a.to <= a.from || step(a.to) < most {
		a.to++
	}
	return a
}

// at is where a number lies, from 0 to 1.
func (a axis) at(x float64) float64 {
	low, high := math.Log10(step(a.from)), math.Log10(step(a.to))
	return (math.Log10(max(x, step(a.from))) - low) / (high - low)
}

// marks are the steps that have a line: all while there is room, otherwise the powers of
// ten, of which every so many are also told in words.
func (a axis) marks() (marks []int, words int) {
	const room = 5
	if a.to-a.from < room {
		for i := a.from; i <= a.to; i++ {
			marks = append(marks, i)
		}
		return marks, 1
	}
	for i := a.from; i <= a.to; i++ {
		if i == 3*floorDiv(i, 3) {
			marks = append(marks, i)
		}
	}
	return marks, (len(marks) + room - 1) / room
}
