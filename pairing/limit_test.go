// Every row of section 7 of the pairing page.

package pairing_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

func TestCodesAreNotTrivial(t *testing.T) {
	k := start(t)
	v := k.lobby(from("x", "10.0.0.1"))
	seen := map[string]bool{}
	for range 2000 {
		row, err := k.Pick(v.Status().ID, "ann")
		k.must(err)
		if len(row.Code) != 6 || strings.Trim(row.Code, "0123456789") != "" {
			t.Fatalf("code %q", row.Code)
		}
		seen[row.Code] = true
	}
	if len(seen) < 1950 {
		t.Errorf("2000 codes are %d different ones", len(seen))
	}
}

// zeros is a source of randomness that begins with what is no good.
type bytesOf struct{ text string }

func (b *bytesOf) Read(p []byte) (int, error) {
	n := copy(p, b.text)
	b.text = b.text[n:]
	for i := n; i < len(p); i++ {
		p[i] = byte(7*i + len(p))
	}
	return len(p), nil
}

func TestTrivialCodesAreRefused(t *testing.T) {
	for _, trivial := range []string{"000000", "777777", "123456", "012345", "456789", "654321", "987654", "543210"} {
		digits := func(text string) string {
			b := []byte(text)
			for i := range b {
				b[i] -= '0'
			}
			return string(b)
		}
		source := &bytesOf{}
		k := start(t, func(o *pairing.Options) { o.Random = source })
		// The secret takes 16 bytes, the ID 6.
		source.text = strings.Repeat("s", 16) + "abcdef" + digits(trivial) + "\xff" + digits("135797")
		if i := k.invite(pairing.Grant{}); i.PIN != "135797" {
			t.Errorf("%s: the code is %s", trivial, i.PIN)
		}
	}
}

func TestRandomnessFails(t *testing.T) {
	o := options(t.TempDir() + "/devices")
	o.Random = strings.NewReader("")
	if _, err := pairing.Open(o); err == nil {
		t.Error("opened without randomness")
	}
	k := start(t, func(o *pairing.Options) { o.Random = strings.NewReader(strings.Repeat("x", 40)) })
	if _, err := k.Invite(pairing.Grant{}, true); err == nil || len(k.Invites()) != 0 {
		t.Errorf("an invite without randomness: %v", err)
	}
	if a := k.Hello(from("x", "10.0.0.1"), "", nil); a.Err == nil || a.Err.Code != pairing.CodeBusy && a.Err.Code != pairing.CodeInternal {
		t.Errorf("%+v", a)
	}
}

func TestTimeout(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Timeout = 30 * time.Second })
	i := k.invite(pairing.Grant{})
	if !i.Expires.Equal(k.clock.Now().Add(30 * time.Second)) {
		t.Errorf("expires %v", i.Expires)
	}
	k.wait(30 * time.Second)
	k.refused(k.Hello(from("x", "10.0.0.1"), i.PIN, nil).Err, pairing.CodePINExpired)
	err := func() *pairing.Error { _, err := k.Redeem(from("x", "10.0.0.1"), i.Secret); return err }()
	if k.refused(err, pairing.CodePINExpired).Used {
		t.Error("it was never used")
	}
}

func TestBurnedPINsAndLock(t *testing.T) {
	k := start(t)
	first := k.invite(pairing.Grant{Name: "a"})
	for n := range 5 {
		err := k.refused(k.Hello(other(n), wrong(first.PIN, n), nil).Err, pairing.CodePINInvalid)
		if err.AttemptsLeft != 4-n || err.Hold != time.Second {
			t.Errorf("miss %d: %+v", n, err)
		}
	}
	if left := k.Invites(); len(left) != 1 || left[0].PIN != "" {
		t.Fatalf("the PIN is not burned: %+v", left)
	}
	k.refused(k.Hello(other(9), first.PIN, nil).Err, pairing.CodePINExpired) // right, and too late
	if a := k.Hello(other(9), wrong(first.PIN, 9), nil); a != (pairing.Answer{}) {
		t.Errorf("a code while none is open: %+v", a)
	}
	if _, err := k.Invite(pairing.Grant{}, true); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("a PIN right after one was burned: %v", err)
	}
	k.wait(5 * time.Second)
	second := k.invite(pairing.Grant{Name: "b"})
	for n := range 5 {
		k.refused(k.Hello(other(100+n), wrong(second.PIN, 100+n), nil).Err, pairing.CodePINInvalid)
	}
	k.said("locked", 1)
	o := k.Overview()
	if !o.Locked || o.LockedWhy == "" || o.Misses != 10 || o.Failures["invite"] != 10 || o.Codes["invite"] != 0 {
		t.Errorf("%+v", o)
	}
	k.wait(5 * time.Second)
	if _, err := k.Invite(pairing.Grant{}, true); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("a PIN while locked: %v", err)
	}
	k.refused(k.Hello(other(200), "283746", nil).Err, pairing.CodeLocked)

	// What LOCKED still allows.
	_, refusal := k.Redeem(other(201), first.Secret)
	k.ok(refusal)
	_, err := k.Invite(pairing.Grant{}, false)
	k.must(err)
	v, code := k.picked(other(202))
	k.ok(v.PIN(code))
	v = k.lobby(other(203))
	_, err = k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)

	// It survives a restart, which opens no code.
	k = k.again()
	if o := k.Overview(); !o.Locked || o.Misses != 10 || o.Invites != 0 || o.Codes["request"] != 0 {
		t.Errorf("after a restart: %+v", o)
	}
	k.Unlock("ann")
	k.said("unlocked", 1)
	i := k.invite(pairing.Grant{})
	if a := k.Hello(other(204), i.PIN, nil); a.Access == nil {
		t.Errorf("%+v", a)
	}
	k = k.again()
	if k.Overview().Locked {
		t.Error("locked again after a restart")
	}
}

func TestMissesOfAnHour(t *testing.T) {
	k := start(t)
	n := 0
	for window := range 3 {
		for range 2 {
			i := k.invite(pairing.Grant{})
			for range 5 {
				n++
				k.refused(k.Hello(other(n), wrong(i.PIN, n), nil).Err, pairing.CodePINInvalid)
			}
			k.wait(5 * time.Second)
		}
		k.Unlock("ann")
		if locked := k.Overview().Locked; locked != (window == 2) {
			t.Fatalf("window %d: locked %v", window, locked)
		}
	}
	if why := k.Overview().LockedWhy; !strings.Contains(why, "hour") {
		t.Error(why)
	}
	k = k.again()
	if _, err := k.Invite(pairing.Grant{}, true); !errors.Is(err, pairing.ErrConflict) {
		t.Fatalf("a PIN after %d misses in an hour: %v", n, err)
	}
	k.wait(time.Hour)
	k.invite(pairing.Grant{})
}

// Misses that did not lock are forgotten after an hour.
func TestWindowEnds(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	k.refused(k.Hello(other(1), wrong(i.PIN, 1), nil).Err, pairing.CodePINInvalid)
	k.wait(time.Hour - time.Second)
	if m := k.Overview().Misses; m != 1 {
		t.Errorf("%d misses", m)
	}
	k.wait(time.Second)
	if m := k.Overview().Misses; m != 0 {
		t.Errorf("%d misses after the window", m)
	}
}

func TestSameWrongValueCountsOnce(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	o := from("x", "10.0.0.1")
	bad := wrong(i.PIN, 1)
	for range 100 { // 5 min of an automatic reconnect
		k.refused(k.Hello(o, bad, nil).Err, pairing.CodePINInvalid)
		k.wait(3 * time.Second)
		if len(k.Invites()) == 0 {
			break
		}
	}
	if o := k.Overview(); o.Misses != 1 || o.Failures["invite"] != 1 {
		t.Errorf("%+v", o)
	}
	k.invite(pairing.Grant{})
	k.refused(k.Hello(o, bad, nil).Err, pairing.CodePINInvalid)
	if m := k.Overview().Misses; m != 1 {
		t.Errorf("%d misses after another PIN was opened", m)
	}
	k.refused(k.Hello(from("x", "10.0.0.2"), bad, nil).Err, pairing.CodePINInvalid)
	if m := k.Overview().Misses; m != 2 {
		t.Errorf("%d misses, one of another source", m)
	}

	v, code := k.picked(o)
	for range 10 {
		if err := k.refused(v.PIN(wrong(code, 1)), pairing.CodePINInvalid); err.AttemptsLeft != 4 {
			t.Fatalf("%+v", err)
		}
	}
}

func TestRetryAfterGrows(t *testing.T) {
	k := start(t)
	v, code := k.picked(from("x", "10.0.0.1"))
	id := v.Status().ID
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
	for n, w := range want {
		if n == 5 {
			row, err := k.Pick(id, "ann")
			k.must(err)
			code = row.Code
		}
		if err := k.refused(v.PIN(wrong(code, n)), pairing.CodePINInvalid); err.RetryAfter != w*time.Second {
			t.Errorf("miss %d: again after %v, want %d s", n, err.RetryAfter, w)
		}
	}
	if after := v.Status().RetryAfter; after != time.Minute {
		t.Errorf("status says %v", after)
	}
}

func TestPINsOpenAtOnce(t *testing.T) {
	for most := 1; most <= 4; most++ {
		k := start(t, func(o *pairing.Options) { o.MaxPINs = most })
		var last pairing.Invite
		for range most {
			last = k.invite(pairing.Grant{})
		}
		if _, err := k.Invite(pairing.Grant{}, true); !errors.Is(err, pairing.ErrConflict) {
			t.Errorf("one more than %d: %v", most, err)
		}
		if _, err := k.Invite(pairing.Grant{}, false); err != nil {
			t.Errorf("a link: %v", err)
		}
		k.must(k.CloseInvite(last.ID, "ann"))
		if err := k.CloseInvite(last.ID, "ann"); !errors.Is(err, pairing.ErrUnknown) {
			t.Errorf("closed twice: %v", err)
		}
		k.refused(k.Hello(other(1), last.PIN, nil).Err, pairing.CodePINExpired)
		if k.Overview().Misses != 0 {
			t.Error("a PIN that was closed is a miss")
		}
		k.invite(pairing.Grant{})
	}
	o := options(t.TempDir() + "/devices")
	o.MaxPINs = 5
	if _, err := pairing.Open(o); !errors.Is(err, pairing.ErrInvalid) {
		t.Errorf("5 PINs: %v", err)
	}
}

// An attacker who guesses is stopped by the counts, whatever ways in it uses at a time.
func TestParallelGuesses(t *testing.T) {
	k := start(t)
	picked, code := k.picked(from("honest", "192.168.0.1"))
	var checked, lockedOut atomic.Int64
	for round := range 2 {
		i := k.invite(pairing.Grant{})
		visits := make([]*pairing.Visit, 10)
		for n := range visits {
			visits[n] = k.lobby(from(fmt.Sprint("guesser ", n), fmt.Sprintf("10.9.%d.%d", round, n)))
		}
		var all sync.WaitGroup
		begin := make(chan struct{})
		for n := range 500 {
			all.Go(func() {
				<-begin
				text := wrong(i.PIN, 500*round+n)
				var err *pairing.Error
				if n%2 == 0 {
					err = k.Hello(other(n), text, nil).Err
				} else {
					err = visits[n%10].PIN(text)
				}
				switch {
				case err == nil: // no code open: others judge it
				case err.Code == pairing.CodeLocked:
					lockedOut.Add(1)
				case err.Code == pairing.CodePINInvalid && err.Hold > 0:
					checked.Add(1)
				}
			})
		}
		close(begin)
		all.Wait()
		k.wait(5 * time.Second)
		for _, v := range visits {
			v.Leave()
		}
	}
	if n := checked.Load(); n != 10 {
		t.Errorf("%d guesses were checked, want 10", n)
	}
	if lockedOut.Load() == 0 || !k.Overview().Locked {
		t.Error("not locked")
	}
	k.said("miss", 10)
	k.ok(picked.PIN(code))
	if n := len(k.Devices()); n != 1 {
		t.Errorf("%d devices", n)
	}
}

// A code of a request works on that request alone.
func TestCodeOfAnotherRequest(t *testing.T) {
	k := start(t)
	mine, _ := k.picked(from("mine", "10.0.0.1"))
	_, theirs := k.picked(from("theirs", "10.0.0.2"))
	if err := k.refused(mine.PIN(theirs), pairing.CodePINInvalid); err.AttemptsLeft != 4 {
		t.Errorf("%+v", err)
	}
	if a := k.Hello(from("x", "10.0.0.3"), theirs, nil); a != (pairing.Answer{}) {
		t.Errorf("in a HELLO: %+v", a)
	}
	v := k.lobby(from("waits", "10.0.0.4"))
	k.refused(v.PIN(theirs), pairing.CodePINInvalid)
	k.state(v, pairing.StateWaiting)
}

// An invite's PIN works on a request that nobody has picked.
func TestInvitePINOnARequest(t *testing.T) {
	k := start(t)
	var ear ear
	v := k.Hello(from("x", "10.0.0.1"), "", ear.tell).Visit
	before := ear.count()
	i := k.invite(pairing.Grant{Name: "given", Profile: "viewer"})
	eventually(t, "it is told that a PIN is open", func() bool { return ear.count() > before })
	if s := v.Status(); !s.PINRequired || s.AttemptsLeft != 5 || s.ExpiresIn != 5*time.Minute || s.State != pairing.StateWaiting {
		t.Errorf("%+v", s)
	}
	if err := k.refused(v.PIN(wrong(i.PIN, 1)), pairing.CodePINInvalid); err.AttemptsLeft != 4 {
		t.Errorf("%+v", err)
	}
	k.ok(v.PIN(i.PIN))
	if a := v.Access(); a == nil || a.Name != "given" || a.Profile != "viewer" {
		t.Errorf("%+v", a)
	}
	k.refused(k.Hello(from("y", "10.0.0.2"), i.PIN, nil).Err, pairing.CodePINExpired)
}

func TestLobbySeats(t *testing.T) {
	k := start(t)
	visits := make([]*pairing.Visit, 16)
	for n := range visits {
		visits[n] = k.lobby(other(n))
	}
	k.refused(k.Hello(other(16), "", nil).Err, pairing.CodeBusy)
	if n := k.Overview().Requests["refused"]; n != 1 {
		t.Errorf("%d refused", n)
	}
	_, err := k.Pick(visits[0].Status().ID, "ann")
	k.must(err)
	k.wait(time.Second)
	for _, v := range visits[2:] {
		v.Heard()
	}
	k.wait(29 * time.Second)
	k.lobby(other(17))
	k.state(visits[1], pairing.StateTimeout) // the quiet one
	k.state(visits[0], pairing.StateCode)    // as quiet, but the operator is at it
	k.refused(k.Hello(other(18), "", nil).Err, pairing.CodeBusy)
	visits[5].Leave()
	k.lobby(other(18))

	// A device that was let in needs no seat.
	_, err = k.Approve(visits[6].Status().ID, pairing.Grant{})
	k.must(err)
	k.lobby(other(19))
}

func TestSeatsOfASource(t *testing.T) {
	for what, sources := range map[string][3]string{"IPv4": {"10.0.0.1", "10.0.0.1", "10.0.0.1"}, "IPv6": {"fd00::", "fd00::", "fd00::"}} {
		k := start(t)
		first := k.lobby(from("a", sources[0]))
		second := k.lobby(from("b", sources[1]))
		k.wait(time.Second)
		k.refused(k.Hello(from("c", sources[2]), "", nil).Err, pairing.CodeBusy)
		k.lobby(from("a", sources[0])) // the first has lost its connection, and nobody has noticed
		k.state(first, pairing.StateTimeout)
		k.lobby(from("x", "10.0.0.2"))
		k.wait(30 * time.Second)
		k.lobby(from("c", sources[2]))
		if second.Status().State != pairing.StateTimeout {
			t.Errorf("%s: the oldest quiet one is still there", what)
		}
	}
}

func TestOneRowIn10s(t *testing.T) {
	k := start(t)
	for n := range 50 {
		k.lobby(from(fmt.Sprint("flood ", n), "10.0.0.1")).Leave()
	}
	k.lobby(from("flood", "10.0.0.1"))
	if n := k.heard("knock"); n != 1 {
		t.Errorf("the operator sees %d rows", n)
	}
	if rows := k.Knocks(); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
	k.wait(10 * time.Second)
	if rows := k.Knocks(); len(rows) != 1 || rows[0].Name != "flood" {
		t.Errorf("after 10 s: %+v", rows)
	}
	k.said("knock", 2)
	k.lobby(from("other", "10.0.0.2"))
	if rows := k.Knocks(); len(rows) != 2 {
		t.Errorf("of another source: %+v", rows)
	}
}

func TestRequestsOverHTTP(t *testing.T) {
	k := start(t)
	o := from("laptop", "10.0.0.1")
	v, code, err := k.Knock(o, []string{"write:/lights/**"})
	k.ok(err)
	id := v.Status().ID
	if len(code) != 22 {
		t.Errorf("device code %q", code)
	}
	again, err := k.Find(id, code)
	k.ok(err)
	if again != v {
		t.Error("another visit")
	}
	for _, c := range []struct{ id, code string }{{id, ""}, {id, code + "x"}, {"xxxxxx", code}} {
		if _, err := k.Find(c.id, c.code); err == nil || err.Code != pairing.CodeUnauthorized {
			t.Errorf("%+v: %+v", c, err)
		}
	}
	_, _, err = k.Knock(from("laptop", "10.0.0.1"), nil)
	if wait := k.refused(err, pairing.CodeRate).RetryAfter; wait != 10*time.Second {
		t.Errorf("retry after %v", wait)
	}
	row, e := k.Pick(id, "ann")
	k.must(e)
	if row.Transport != "http" || row.Want[0] != "write:/lights/**" {
		t.Errorf("%+v", row)
	}
	k.ok(v.PIN(row.Code))
	token, err := v.Token()
	k.ok(err)
	if repeated, _ := v.Token(); repeated.Text != token.Text {
		t.Error("it cannot be fetched twice")
	}
	if n := k.device(token.Device).Online; n != 0 {
		t.Errorf("%d online, and there is no session", n)
	}
	k.wait(time.Minute)
	v, err = k.Find(id, code)
	k.ok(err)
	_, err = v.Token()
	k.refused(err, pairing.CodePINExpired)
	if a := k.Hello(o, token.Text, nil); a.Access == nil {
		t.Errorf("%+v", a)
	}
	k.wait(10 * time.Minute)
	_, err = k.Find(id, code)
	k.refused(err, pairing.CodeUnauthorized)

	v, code, err = k.Knock(o, nil)
	k.ok(err)
	v.Leave() // taken back
	_, err = k.Find(v.Status().ID, code)
	k.refused(err, pairing.CodeUnauthorized)
}

func TestRequestsOverHTTPEnd(t *testing.T) {
	k := start(t)
	v, code, err := k.Knock(from("laptop", "10.0.0.1"), nil)
	k.ok(err)
	id := v.Status().ID
	for range 10 { // it polls
		k.wait(5 * time.Minute)
		_, err := k.Find(id, code)
		k.ok(err)
	}
	k.wait(10 * time.Minute)
	v, err = k.Find(id, code)
	k.ok(err)
	k.state(v, pairing.StateTimeout)
	_, err = v.Token()
	k.refused(err, pairing.CodePINExpired)

	for n := range 20 {
		_, _, err := k.Knock(other(n), nil)
		k.ok(err)
	}
	_, _, err = k.Knock(other(20), nil)
	k.refused(err, pairing.CodeBusy)
	k.lobby(other(30)) // sessions have seats of their own
	k.wait(30 * time.Second)
	_, _, err = k.Knock(other(20), nil)
	k.ok(err)
	for n := range 200 { // nobody polls
		k.wait(30 * time.Second)
		_, _, err := k.Knock(other(40+n), nil)
		k.ok(err)
	}
	if n := len(k.Knocks()); n != 20 {
		t.Errorf("%d rows", n)
	}
}

func TestWeakOverHTTP(t *testing.T) {
	k := start(t)
	v, _, err := k.Knock(from("x", "10.0.0.1"), nil)
	k.ok(err)
	if _, err := k.Approve(v.Status().ID, pairing.Grant{Weak: true}); !errors.Is(err, pairing.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestThousandDevices(t *testing.T) {
	k := start(t)
	here := netip.MustParsePrefix("10.0.0.0/8")
	for n := range 1000 {
		lifetime := pairing.LifetimeForever
		if n < 2 {
			lifetime = pairing.LifetimeShow
		}
		if _, err := k.Allow(pairing.Grant{Name: fmt.Sprint("mat ", n), Lifetime: lifetime}, here); err != nil {
			t.Fatal(err)
		}
	}
	_, err := k.Allow(pairing.Grant{Name: "one more"}, here)
	if !errors.Is(err, pairing.ErrConflict) {
		t.Fatalf("%v", err)
	}
	v := k.lobby(other(1))
	if _, err := k.Approve(v.Status().ID, pairing.Grant{}); !errors.Is(err, pairing.ErrConflict) {
		t.Fatalf("%v", err)
	}
	k.state(v, pairing.StateWaiting)
	i := k.invite(pairing.Grant{})
	k.refused(k.Hello(other(2), i.PIN, nil).Err, pairing.CodeBusy)
	if left := k.Invites(); len(left) != 1 || left[0].PIN != i.PIN {
		t.Errorf("the invite was used up: %+v", left)
	}
	k.wait(12 * time.Hour) // two of them are over
	_, err = k.Allow(pairing.Grant{Name: "one more"}, here)
	k.must(err)
	if n := len(k.Devices()); n != 1000 {
		t.Errorf("%d devices", n)
	}
}

func TestManyInvites(t *testing.T) {
	k := start(t)
	for range 100 {
		_, err := k.Invite(pairing.Grant{}, false)
		k.must(err)
	}
	if _, err := k.Invite(pairing.Grant{}, false); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("%v", err)
	}
}
