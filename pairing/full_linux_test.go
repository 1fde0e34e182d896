// A full disk: nobody becomes a device, and the operator is told.

package pairing_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/pairing"
)

// smallDisk mounts a tmpfs, and returns where it is, and how to fill it and to free it.
func smallDisk(t *testing.T) (dir string, fill, free func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("%s needs root: only root can mount a tmpfs", t.Name())
	}
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("%s needs a tmpfs, which cannot be mounted here: %v", t.Name(), err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(dir, "filler")
	fill = func() {
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for b := make([]byte, 4096); err == nil; {
			_, err = f.Write(b)
		}
	}
	return dir, fill, func() {
		if err := os.Remove(filler); err != nil {
			t.Error(err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	dir, fill, free := smallDisk(t)
	k := start(t, func(o *pairing.Options) { o.Path, o.MaxPINs = filepath.Join(dir, "devices"), 2 })
	known, token := k.paired("known", pairing.Grant{})
	victim, stolen := k.paired("victim", pairing.Grant{})
	k.ok(k.comes(token))
	k.ok(k.comes(stolen))
	v, code := k.picked(from("x", "10.0.0.1"))
	i := k.invite(pairing.Grant{})
	fill()
	allowed := 0
	for n := range 1000 { // until the file itself has no free page left
		if _, err := k.Allow(pairing.Grant{Name: fmt.Sprint("mat ", n)}, netip.MustParsePrefix("10.0.0.0/8")); err != nil {
			break
		}
		allowed++
	}

	if _, err := k.Approve(v.Status().ID, pairing.Grant{}); !errors.Is(err, pairing.ErrStorage) {
		t.Errorf("approve: %v", err)
	}
	k.refused(v.PIN(code), pairing.CodeInternal)
	k.state(v, pairing.StateCode)
	k.refused(k.Hello(from("y", "10.0.0.2"), i.PIN, nil).Err, pairing.CodeInternal)
	_, refusal := k.Redeem(from("y", "10.0.0.2"), i.Secret)
	k.refused(refusal, pairing.CodeInternal)
	_, refusal = k.Renew(known.ID)
	k.refused(refusal, pairing.CodeInternal)
	if _, err := k.SetProfile(known.ID, "viewer", "ann"); !errors.Is(err, pairing.ErrStorage) || k.device(known.ID).Profile != "default" {
		t.Errorf("set-profile: %v", err)
	}
	if n := len(k.Devices()); n != 2+allowed {
		t.Errorf("%d devices", n)
	}
	k.ok(k.comes(token)) // who is known comes in as ever
	// Who was thrown out is out, disk or no disk; but the operator has to know.
	if _, err := k.Revoke(victim.ID, "ann"); !errors.Is(err, pairing.ErrStorage) {
		t.Errorf("revoke: %v", err)
	}
	k.refused(k.comes(stolen), pairing.CodeRevoked)
	k.refused(k.Hello(from("z", "10.0.0.3"), wrong(i.PIN, 1), nil).Err, pairing.CodePINInvalid)

	free()
	k.ok(v.PIN(code))
	mine, refusal := v.Token()
	k.ok(refusal)
	k = k.again()
	k.ok(k.comes(mine.Text))
	k.ok(k.comes(token))
	k.refused(k.comes(stolen), pairing.CodeRevoked)
	if o := k.Overview(); o.Misses != 1 || o.Devices != 2+allowed {
		t.Errorf("%+v", o)
	}
}

func TestFullDiskAtStart(t *testing.T) {
	dir, fill, free := smallDisk(t)
	fill()
	path := filepath.Join(dir, "devices")
	if _, err := pairing.Open(options(path)); err == nil {
		t.Fatal("opened on a full disk")
	}
	free()
	r, err := pairing.Open(options(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
