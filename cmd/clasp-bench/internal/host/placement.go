// Where server and load run: each on a core of its own, and both on the same.

package host

// Placement says which cores server and load run on.
type Placement struct {
	Name         string // "apart" or "shared"
	Server, Load []int
}

// Placements returns "apart" and "shared", as far as the machine has them. The last one is
// always "shared", on at most two cores.
func Placements() ([]Placement, error) {
	cores, err := AllowedCores()
	if err != nil {
		return nil, err
	}
	both := cores[:min(2, len(cores))]
	shared := Placement{"shared", both, both}
	if !CanPin || len(both) < 2 {
		return []Placement{shared}, nil
	}
	return []Placement{{"apart", both[:1], both[1:]}, shared}, nil
}
