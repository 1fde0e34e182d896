// The addresses and patterns of workload match: lights in zones, and ten sessions that
// each follow every light, five by its address and five by a pattern of their own form.

package versus

import "fmt"

const (
	// lightSessions is how many sessions there are, and so how many subscriptions each
	// publish hits: within one session no two match the same light, because a peer may
	// deliver overlapping ones once or several times.
	lightSessions = 10
	zoneLights    = 100
	// lightStride spreads the publishes over the lights. It has no divisor in common with
	// any count of them, so that each light has its turn.
	lightStride = 7919
)

// lightAddress is where light i says how bright it is.
func lightAddress(i int) string { return fmt.Sprintf("/bench/z%04d/l%06d/level", i/zoneLights, i) }

// lightPattern is what a session subscribes to for light i.
func lightPattern(session, i int) string {
	zone, light := fmt.Sprintf("z%04d", i/zoneLights), fmt.Sprintf("l%06d", i)
	switch session {
	case 5:
		return "/bench/" + zone + "/" + light + "/*"
	case 6:
		return "/bench/*/" + light + "/level"
	case 7:
		return "/bench/" + zone + "/" + light + "/**"
	case 8:
		return "/*/" + zone + "/" + light + "/level"
	case 9:
		return "/*/*/" + light + "/**"
	default:
		return lightAddress(i)
	}
}
