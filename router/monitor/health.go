// The one sentence about a router that somebody wants who has no time.

package monitor

import "fmt"

// Health says how bad things are, and how they are in one sentence: that everything is fine,
// or what the worst problem is. What is only worth knowing, below LevelWarn, is no problem.
func Health(o *Overview) (Level, string) {
	var worst *Problem
	bad := 0
	for i := range o.Problems {
		p := &o.Problems[i]
		if p.Level < LevelWarn {
			continue
		}
		if bad++; worst == nil || p.Level > worst.Level {
			worst = p
		}
	}
	switch bad {
	case 0:
		return LevelInfo, "Everything is fine"
	case 1:
		return worst.Level, worst.Text
	case 2:
		return worst.Level, worst.Text + ", and one more problem"
	default:
		return worst.Level, fmt.Sprintf("%s, and %d more problems", worst.Text, bad-1)
	}
}
