package versus

import (
	"testing"

	"github.com/clasp-studio/clasp/router/address"
)

// Every light is matched by exactly one subscription of each session, or the peers would
// not have the same to do.
func TestEachLightHasOneSubscriptionASession(t *testing.T) {
	const lights = zoneLights + 20
	wild := 0
	for session := range lightSessions {
		for i := range lights {
			pattern := lightPattern(session, i)
			p, err := address.Compile(pattern)
			if err != nil {
				t.Fatalf("%s: %v", pattern, err)
			}
			if pattern != lightAddress(i) {
				wild++
			}
			for k := range lights {
				if got, want := p.Match(lightAddress(k)), k == i; got != want {
					t.Fatalf("%s matches %s: %t", pattern, lightAddress(k), got)
				}
			}
		}
	}
	if wild != lights*lightSessions/2 {
		t.Errorf("%d of %d subscriptions are patterns, want half of them", wild, lights*lightSessions)
	}
}

func TestEachLightHasItsTurn(t *testing.T) {
	for _, lights := range []int{100, 1000, 10_000, 100_000} {
		seen := make([]bool, lights)
		for n := range lights {
			seen[n*lightStride%lights] = true
		}
		for i := range seen {
			if !seen[i] {
				t.Fatalf("%d lights: number %d is never published", lights, i)
			}
		}
	}
}
