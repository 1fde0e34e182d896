// Runs the real router on a network of the test's own, to see under which addresses it invites.

package main_test

import (
	"strings"
	"testing"
)

// TestInviteLinks: one for each card that a phone may reach, and none of the machine's own.
func TestInviteLinks(t *testing.T) {
	ownNetwork(t)
	s := serve(t, []string{"CLASP_SECURITY_PAIRING_FILE=devices"}, "--pairing", "--log-level", "debug")
	s.until(t, s.stdout.String, "router started")
	links := objects(s.asks(t, "POST /pairing/invites", "")["links"])
	if len(links) != 1 || !strings.HasPrefix(links[0]["url"].(string), "http://10.1.0.1:7330/p#") || links[0]["card"] == "lo" {
		t.Errorf("the links: %v", links)
	}
}
