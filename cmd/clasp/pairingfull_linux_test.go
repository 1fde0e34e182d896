// A full disk under a router with pairing: nobody becomes a device, whoever is one comes in, and nothing is left of those who
// were refused, even if the router is killed then.

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestPairingDiskFull needs root, to mount a small file system.
func TestPairingDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		t.Skipf("%s needs root, and to mount a tmpfs: %v", t.Name(), err)
	}
	t.Cleanup(func() { unmount(t, dir) })
	d := doom(t, dir)
	known := d.paired(t, "known")
	pad, padRow := d.knocks(t, "pad")
	desk, deskRow := d.knocks(t, "desk")
	code := d.picks(t, deskRow)
	pin, secret := d.invites(t, true)

	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the disk does not get full")
	}
	names := []string{"known"}
	full := false
	for n := 0; n < 1000 && !full; n++ { // until the file itself has no free page left
		name := fmt.Sprintf("mat %03d", n)
		status, _ := d.asked(t, "POST /pairing/allow", fmt.Sprintf(`{"name":%q,"from":"10.0.0.0/8"}`, name))
		if full = status == http.StatusServiceUnavailable; !full {
			names = append(names, name)
		}
	}
	if !full {
		t.Fatal("devices are let in on a full disk")
	}

	status, answer := d.asked(t, "POST /pairing/knocks/"+padRow+"/approve", "")
	if status != http.StatusServiceUnavailable {
		t.Errorf("approve: %d %v", status, answer)
	}
	refused(t, 310, pad.set("/lights/1", 0.5))
	refused(t, 500, desk.types(code))
	phone := newPhone("phone")
	t.Cleanup(phone.hangUp)
	refused(t, 500, phone.hello(d.at, pin))
	if status, answer, err := phone.post(d.at, "/pair/invite", map[string]any{"invite": secret, "name": "phone"}); status != http.StatusInternalServerError || err != nil {
		t.Errorf("link: %d %v, %v", status, answer, err)
	}
	refused(t, 500, known.set("/_clasp/pair/renew", nil))
	d.has(t, names...)
	d.works(t, known.token)

	// The same disk, after the plug was pulled and in a router that starts there.
	now, later := d.kill(t)
	now.has(t, names...)
	now.works(t, known.token)
	later.has(t, names...)
	again := doom(t, dir)
	again.has(t, names...)
	again.works(t, known.token)
	pad, padRow = again.knocks(t, "pad")
	if status, answer := again.asked(t, "POST /pairing/knocks/"+padRow+"/approve", ""); status != http.StatusServiceUnavailable {
		t.Errorf("approve, after a start: %d %v", status, answer)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	again.approves(t, padRow, "")
	must(t, pad.fetch())
	names = append(names, "pad")
	now, _ = again.kill(t)
	now.has(t, names...)
	now.works(t, known.token, pad.token)
}
