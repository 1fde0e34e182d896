// What is wrong with a configuration: all of it at once.

package config

import "strings"

// Problem is one thing wrong and where it was said: "clasp.yaml:3:9",
// "--port" or "CLASP_PORT".
type Problem struct {
	Where string `json:"where"`
	Text  string `json:"problem"`
}

func (p Problem) String() string { return p.Where + ": " + p.Text }

// Problems is the error of everything wrong with a configuration. Error
// prints one problem a line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Nearest returns the candidate that name was most likely meant to be, or ""
// when none is close: at most a third of the letters wrong, two neighbours
// swapped counting as one.
func Nearest(name string, candidates []string) string {
	best, nearest := "", max(1, len(name)/3)+1
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < nearest {
			best, nearest = candidate, d
		}
	}
	return best
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return ", did you mean " + name + "?"
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replace := above[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
