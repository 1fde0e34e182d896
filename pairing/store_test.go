// The devices' file: what it holds, what survives, and what is refused.

package pairing_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/store"
)

func TestFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: Windows has no modes", t.Name())
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "deeper", "devices")
	k := open(t, options(path), &clock{now: time.Now()})
	mode := func() os.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}
	if mode() != 0o600 {
		t.Errorf("mode %v", mode())
	}
	k.close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	k.again()
	if mode() != 0o600 {
		t.Errorf("mode %v of one that everybody could read", mode())
	}
}

func TestFileHoldsNoSecret(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	v, code := k.picked(from("x", "10.0.0.1"))
	_, token := k.paired("y", pairing.Grant{})
	k.refused(k.Hello(from("z", "10.0.0.3"), wrong(i.PIN, 1), nil).Err, pairing.CodePINInvalid)
	k.ok(v.PIN(code))
	mine, err := v.Token()
	k.ok(err)
	k.ok(k.comes(token))
	k.close()
	b, e := os.ReadFile(k.o.Path)
	k.must(e)
	for _, secret := range []string{i.PIN, i.Secret, code, token[15:], mine.Text[15:], wrong(i.PIN, 1)} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%q is in the file", secret)
		}
	}
	if !bytes.Contains(b, []byte(mine.Device)) {
		t.Error("the device is not in the file: this test looks in the wrong place")
	}
}

func TestRestartKeepsDevices(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{Name: "desk", Profile: "viewer", Lifetime: pairing.LifetimeShow, By: "ann"})
	k.ok(k.comes(token))
	k.wait(time.Hour)
	k.ok(k.comes(token))
	before := k.device(d.ID)
	k.picked(from("y", "10.0.0.2"))
	k.invite(pairing.Grant{})
	k = k.again()
	if after := k.device(d.ID); after != before {
		t.Errorf("%+v\n%+v", after, before)
	}
	if o := k.Overview(); o.Knocks != 0 || o.Invites != 0 || o.Codes["request"] != 0 || o.Codes["invite"] != 0 || o.Devices != 1 {
		t.Errorf("%+v", o)
	}
	k.ok(k.comes(token))
}

func TestInUse(t *testing.T) {
	k := start(t)
	_, err := pairing.Open(options(k.o.Path))
	var used *store.InUseError
	if !errors.As(err, &used) {
		t.Errorf("%v", err)
	}
}

// refusedFile fails the test unless a file is refused, in words, and stays as it is.
func refusedFile(t *testing.T, content []byte, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devices")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := pairing.Open(options(path))
	if err == nil {
		_ = r.Close()
		t.Fatalf("opened, want %q", want)
	}
	if text := err.Error(); !strings.Contains(text, want) || !strings.Contains(text, path) || !strings.Contains(text, "nothing was changed") {
		t.Errorf("error %q, want %q", text, want)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, content) {
		t.Errorf("the file was changed (%v)", err)
	}
}

// database is the content of a bbolt file.
func database(t *testing.T, bucket, key, value string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestForeignFilesAreRefused(t *testing.T) {
	refusedFile(t, nil, "no content")
	refusedFile(t, []byte("devices:\n  - ipad\n"), "not-a-database")
	refusedFile(t, make([]byte, 32<<10), "all zero")
	refusedFile(t, database(t, "params", "/a", "1"), "something else")
	refusedFile(t, database(t, "devices", "x", "1"), "checksum")
	k := start(t)
	k.paired("x", pairing.Grant{})
	k.close()
	b, err := os.ReadFile(k.o.Path)
	k.must(err)
	refusedFile(t, b[:len(b)/2], "truncated")

	path := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := pairing.Open(options(path)); err == nil {
		t.Error("a folder was opened")
	}
}

// Whatever bit of the file flips, it is refused, or the bit did not matter: nobody gets
// rights by it.
func TestFlippedBits(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{Profile: "viewer"})
	k.ok(k.comes(token))
	k.close()
	good, err := os.ReadFile(k.o.Path)
	k.must(err)
	path := filepath.Join(t.TempDir(), "devices")
	refused := 0
	flip := func(at int, bit byte) {
		bad := bytes.Clone(good)
		bad[at] ^= bit
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		o := options(path)
		o.Now = k.clock.Now
		r, err := pairing.Open(o)
		if err != nil {
			refused++
			return
		}
		if list := r.Devices(); len(list) > 1 || len(list) == 1 && (list[0].ID != d.ID || list[0].Profile != "viewer") {
			t.Errorf("bit %x of byte %d: %+v", bit, at, list)
		}
		if err := r.Close(); err != nil {
			t.Errorf("bit %x of byte %d: %v", bit, at, err)
		}
	}
	text := bytes.Index(good, []byte(`"viewer"`))
	for _, place := range []int{0, text - 300, text, len(good) / 2} {
		for at := place; at < place+40; at++ {
			flip(at, 1<<(at%8))
		}
	}
	if refused < 40 {
		t.Errorf("%d refused: this test flips what does not matter", refused)
	}
}

func TestNewerFormat(t *testing.T) {
	k := start(t)
	k.close()
	b, err := os.ReadFile(k.o.Path)
	k.must(err)
	at := bytes.LastIndex(b, []byte(`"format":1`))
	if at < 0 {
		t.Fatal("no format in the file")
	}
	// The checksum does not agree either: a file of another format may have other ones.
	b[at+len(`"format":`)] = '7'
	refusedFile(t, b, "checksum")
	refusedFile(t, sealed(t, `{"kind":"paired devices of clasp","format":7}`), "format 7")
	refusedFile(t, sealed(t, `{"kind":"recipes","format":1}`), "not a file of paired devices")
}

// sealed is a file that says something else of itself.
func sealed(t *testing.T, about string) []byte {
	return database(t, "about", "file", string(pairing.Seal([]byte("file"), []byte(about))))
}

// TestKilled takes a copy of the file at each step, as kill -9 would leave it, and goes on
// from there: there is a device that works, or none.
func TestKilled(t *testing.T) {
	k := start(t)
	o := from("iPad", "10.0.0.1")
	var token pairing.Token
	step := func(name string, works bool) {
		t.Helper()
		b, err := os.ReadFile(k.o.Path)
		k.must(err)
		path := filepath.Join(t.TempDir(), "copy")
		k.must(os.WriteFile(path, b, 0o600))
		dead := open(t, options(path), &clock{now: k.clock.Now()})
		if works {
			dead.ok(dead.comes(token.Text))
		} else if token.Text != "" {
			dead.refused(dead.comes(token.Text), pairing.CodeUnauthorized)
		}
		dead.wait(10 * time.Minute)
		want := 0
		if works {
			want = 1
		}
		if n := len(dead.Devices()); n != want {
			t.Errorf("killed after %s: %d devices, want %d", name, n, want)
		}
		dead = dead.again()
		if n := len(dead.Devices()); n != want {
			t.Errorf("killed after %s, and again: %d devices, want %d", name, n, want)
		}
	}
	step("start", false)
	v := k.lobby(o)
	step("knock", false)
	row, err := k.Pick(v.Status().ID, "ann")
	k.must(err)
	step("pick", false)
	k.refused(v.PIN(wrong(row.Code, 1)), pairing.CodePINInvalid)
	step("miss", false)
	k.ok(v.PIN(row.Code))
	step("issue", false) // nobody has its token: it goes
	token, refusal := v.Token()
	k.ok(refusal)
	step("fetch", true)
	k.ok(v.Done())
	step("done", true)
	k.ok(k.comes(token.Text))
	step("use", true)
	renewed, refusal := k.Renew(token.Device)
	k.ok(refusal)
	step("renew, with the old token", true)
	token = renewed
	step("renew, with the new token", true)
	_, err = k.Revoke(token.Device, "ann")
	k.must(err)
	b, err := os.ReadFile(k.o.Path)
	k.must(err)
	path := filepath.Join(t.TempDir(), "copy")
	k.must(os.WriteFile(path, b, 0o600))
	dead := open(t, options(path), k.clock)
	dead.refused(dead.comes(token.Text), pairing.CodeRevoked)
}

// The lock is on the disk with the miss that made it.
func TestKilledWhileLocked(t *testing.T) {
	k := start(t)
	for round := range 2 {
		i := k.invite(pairing.Grant{})
		for n := range 5 {
			k.refused(k.Hello(other(n), wrong(i.PIN, 10*round+n), nil).Err, pairing.CodePINInvalid)
			k.wait(time.Second)
		}
		k.wait(5 * time.Second)
	}
	b, err := os.ReadFile(k.o.Path)
	k.must(err)
	path := filepath.Join(t.TempDir(), "copy")
	k.must(os.WriteFile(path, b, 0o600))
	if dead := open(t, options(path), k.clock); !dead.Overview().Locked {
		t.Error("kill -9 has unlocked it")
	}
}

// Where the file is made, a crash leaves none or a whole one.
func TestLeftoverOfMaking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices")
	if err := os.WriteFile(path+".tmp", []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := open(t, options(path), &clock{now: time.Now()})
	k.paired("x", pairing.Grant{})
	if _, err := os.Stat(path + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
