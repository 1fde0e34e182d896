package pairweb_test

// The calls of pairing section 4, right and wrong.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/pairweb"
	"github.com/clasp-studio/clasp/router/wire"
)

// A device knocks, asks, is approved, and has its token for a minute, however often it asks. The token is good, and the same
// form of it is at /_clasp/pair/token for those who come in another way.
func TestKnock(t *testing.T) {
	s := openWithClock(t)
	a := s.call(t, "POST", "/pair", map[string]any{"name": "cue laptop", "kind": "laptop", "want": []string{"write:/lights/**"}}).is(t, "a knock", http.StatusAccepted, "")
	for field, want := range map[string]any{"interval": 2.0, "expires_in": 300.0, "router_id": "router id", "router_name": "test router", "pin_required": false} {
		if a.fields[field] != want {
			t.Errorf("the answer to a knock has %s %v, want %v", field, a.fields[field], want)
		}
	}
	c := caller{s, a.field("pair_id"), a.field("device_code")}
	if len(c.code) < 22 || c.id == "" || strings.Contains(c.code, c.id) {
		t.Errorf("the request %q has the code %q: 128 bits are 22 characters", c.id, c.code)
	}
	knocks := s.pairs.Knocks()
	if len(knocks) != 1 || knocks[0].ID != c.id || knocks[0].Name != "cue laptop" || knocks[0].Kind != "laptop" ||
		knocks[0].Transport != "http" || knocks[0].Match != a.field("match") || !slices.Equal(knocks[0].Want, []string{"write:/lights/**"}) ||
		!strings.HasPrefix(knocks[0].Remote, "127.0.0.1:") || knocks[0].Encrypted {
		t.Fatalf("the operator sees %+v", knocks)
	}
	p := c.poll(t).is(t, "a poll", http.StatusBadRequest, "authorization_pending")
	if p.field("state") != "waiting" || p.field("match") != a.field("match") || p.fields["interval"] != 2.0 {
		t.Errorf("it is told %s", p.text)
	}
	if _, err := s.pairs.Approve(c.id, pairing.Grant{Profile: "viewer", Lifetime: pairing.LifetimeShow, By: "the test"}); err != nil {
		t.Fatal(err)
	}
	first := c.poll(t).is(t, "a poll behind approval", http.StatusOK, "")
	want := map[string]any{
		"router_id": "router id", "profile": "viewer", "read": []any{"/lights/**", "/sound/**"}, "write": []any{},
		"expires": s.clock.Now().Add(12 * time.Hour).UTC().Format(time.RFC3339), "token": first.field("token"), "device_id": first.field("device_id"),
	}
	if !reflect.DeepEqual(first.fields, want) {
		t.Errorf("the token object is %v, want %v", first.fields, want)
	}
	s.clock.Move(59 * time.Second)
	if again := c.poll(t); again.text != first.text {
		t.Errorf("a replayed poll has %s, and not %s", again.text, first.text)
	}
	s.clock.Move(2 * time.Second)
	c.poll(t).is(t, "a poll after a minute", http.StatusBadRequest, "expired_token")

	device, err := s.enter(t, first.field("token"))
	if err != nil {
		t.Fatalf("with the token: %v", err)
	}
	if _, err := device.Set(t.Context(), "/lights/1", 1); !client.IsCode(err, wire.CodeForbidden) {
		t.Errorf("a viewer's SET: %v", err)
	}
	s.clock.Move(11 * time.Second)
	if _, err := device.Set(t.Context(), "/_clasp/pair/renew", nil); err != nil {
		t.Fatal(err)
	}
	given, err := device.Get(t.Context(), "/_clasp/pair/token")
	if err != nil {
		t.Fatal(err)
	}
	other := given.Value.Any().(map[string]any)
	want["token"] = other["token"]
	if !reflect.DeepEqual(other, want) {
		t.Errorf("at its reserved address it is %v, want %v", other, want)
	}
}

// A code that the operator has opened lets in who types it, and costs an attempt when it is wrong. Replayed, the right one
// gives the same token.
func TestPIN(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	c.pin(t, "473920").is(t, "a code while none is open", http.StatusUnauthorized, "invalid_pin")
	right := c.pick(t)
	for _, bad := range []string{"", "12345", "1234567", "abcdef", "１２３４５６", "47 39 20", strings.Repeat("7", 4000)} {
		a := c.pin(t, bad).is(t, fmt.Sprintf("the malformed code %.20q", bad), http.StatusUnauthorized, "invalid_pin")
		if a.fields["attempts_left"] != 5.0 {
			t.Errorf("the malformed code %.20q has cost an attempt: %s", bad, a.text)
		}
	}
	asked := time.Now()
	a := c.pin(t, wrong(right, 1)).is(t, "a wrong code", http.StatusUnauthorized, "invalid_pin")
	if took := time.Since(asked); took < time.Second { // however fast a machine is
		t.Errorf("a miss is answered after %v", took)
	}
	if a.fields["attempts_left"] != 4.0 || a.fields["retry_after"] != 1.0 || a.header.Get("Retry-After") != "1" {
		t.Errorf("a wrong code: %s, Retry-After %q", a.text, a.header.Get("Retry-After"))
	}
	p := c.poll(t).is(t, "a poll", http.StatusBadRequest, "authorization_pending")
	if p.field("state") != "code_shown" || p.fields["pin_required"] != true || p.fields["attempts_left"] != 4.0 {
		t.Errorf("it is told %s", p.text)
	}
	first := c.pin(t, right[:3]+"-"+right[3:]).is(t, "the right code", http.StatusOK, "")
	if again := c.pin(t, right); again.text != first.text {
		t.Errorf("replayed it has %s, and not %s", again.text, first.text)
	}
	if _, err := s.enter(t, first.field("token")); err != nil {
		t.Errorf("with the token: %v", err)
	}
	s.knock(t, "another").pin(t, right).is(t, "a used code", http.StatusGone, "expired_token")
}

func TestBurnedPIN(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	right := c.pick(t)
	for n := range 4 {
		c.pin(t, wrong(right, n)).is(t, "a wrong code", http.StatusUnauthorized, "invalid_pin")
	}
	c.pin(t, wrong(right, 4)).is(t, "the fifth wrong code", http.StatusLocked, "code_burned")
	c.pin(t, right).is(t, "the right code when it is burned", http.StatusGone, "expired_token")
	if p := c.poll(t); p.field("state") != "code_burned" {
		t.Errorf("it is told %s", p.text)
	}
	c.pin(t, c.pick(t)).is(t, "another code", http.StatusOK, "")
}

func TestExpiredPIN(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	right := c.pick(t)
	s.clock.Move(5 * time.Minute)
	c.pin(t, right).is(t, "a code that is over", http.StatusGone, "expired_token")
	if p := c.poll(t); p.field("state") != "code_expired" {
		t.Errorf("it is told %s", p.text)
	}
}

// With the policy "both" the right code is not all.
func TestPINAndApproval(t *testing.T) {
	settings := plain
	settings.Policy = pairing.PolicyBoth
	s := open(t, settings, nil)
	c := s.knock(t, "desk")
	a := c.pin(t, c.pick(t)).is(t, "the right code", http.StatusAccepted, "authorization_pending")
	if a.field("state") != "awaiting_approval" {
		t.Errorf("it is told %s", a.text)
	}
	if _, err := s.pairs.Approve(c.id, pairing.Grant{By: "the test"}); err != nil {
		t.Fatal(err)
	}
	c.poll(t).is(t, "a poll behind approval", http.StatusOK, "")
}

// Who has no device code, or that of another request, gets nowhere, and is not told whether there is such a request.
func TestNotMine(t *testing.T) {
	s := openWithClock(t)
	mine, other := s.knock(t, "mine"), s.knock(t, "other")
	right := other.pick(t)
	for what, c := range map[string]caller{
		"with my code":  {s, other.id, mine.code},
		"with no code":  {s, other.id, ""},
		"of no request": {s, "nobody", mine.code},
	} {
		for _, a := range []answer{c.poll(t), c.pin(t, right), c.ask(t, "DELETE", "", nil)} {
			a.is(t, "another's request "+what, http.StatusUnauthorized, "unauthorized")
		}
	}
	mine.pin(t, right).is(t, "another's code", http.StatusUnauthorized, "invalid_pin")
	other.pin(t, right).is(t, "its own code", http.StatusOK, "")
}

func TestDenied(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	if err := s.pairs.Deny(c.id, "the test"); err != nil {
		t.Fatal(err)
	}
	c.poll(t).is(t, "a poll", http.StatusBadRequest, "access_denied")
	c.pin(t, "473920").is(t, "a code", http.StatusForbidden, "access_denied")
	s.clock.Move(11 * time.Second)
	s.call(t, "POST", "/pair", map[string]any{"name": "desk"}).is(t, "another knock", http.StatusForbidden, "access_denied")
}

func TestIdle(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	s.clock.Move(10 * time.Minute)
	c.poll(t).is(t, "a poll after ten minutes", http.StatusBadRequest, "expired_token")
}

// A device that is thrown out before it has fetched its token does not get it.
func TestRevokedBeforeFetched(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	if _, err := s.pairs.Approve(c.id, pairing.Grant{By: "the test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pairs.Revoke("desk", "the test"); err != nil {
		t.Fatal(err)
	}
	c.poll(t).is(t, "a poll", http.StatusBadRequest, "access_denied")
}

func TestLeave(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	if a := c.ask(t, "DELETE", "", nil).is(t, "leaving", http.StatusNoContent, ""); a.text != "" {
		t.Errorf("leaving is answered %s", a.text)
	}
	if knocks := s.pairs.Knocks(); len(knocks) != 0 {
		t.Errorf("the operator sees %+v", knocks)
	}
	if _, err := s.pairs.Approve(c.id, pairing.Grant{}); err == nil {
		t.Error("who has left is approved")
	}
	c.poll(t).is(t, "a poll of who has left", http.StatusUnauthorized, "unauthorized")
}

// Who asks without a pause is told to slow down, each time by 5 s more. A token is given all the same.
func TestSlowDown(t *testing.T) {
	s := open(t, plain, nil)
	c := s.knock(t, "desk")
	c.poll(t).is(t, "the first poll", http.StatusBadRequest, "authorization_pending")
	kit.Eventually(t, "a poll to come too early", func() bool { return c.poll(t).field("error") == "slow_down" })
	if a := c.poll(t).is(t, "the next poll", http.StatusBadRequest, "slow_down"); a.fields["interval"] != 12.0 {
		t.Errorf("twice too early it is told %s", a.text)
	}
	if _, err := s.pairs.Approve(c.id, pairing.Grant{By: "the test"}); err != nil {
		t.Fatal(err)
	}
	c.poll(t).is(t, "a poll behind approval", http.StatusOK, "")
}

// The lobby has two places for a source and twenty in all, and a source gets a new one every ten seconds. Here the sources
// are invented: this machine has only one.
func TestBusy(t *testing.T) {
	s := openWithClock(t)
	knock := func(source, name string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/pair", strings.NewReader(`{"name":"`+name+`"}`))
		r.Header.Set("Content-Type", "application/json")
		s.handler.Serve(w, r, netip.MustParseAddr(source))
		return w
	}
	refused := func(what string, w *httptest.ResponseRecorder) {
		t.Helper()
		if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), `"slow_down"`) || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if w := knock("192.0.2.1", "one"); w.Code != http.StatusAccepted {
		t.Fatalf("the first knock: %d %s", w.Code, w.Body)
	}
	refused("a second one of the same source at once", knock("192.0.2.1", "two"))
	s.clock.Move(11 * time.Second)
	knock("192.0.2.1", "two")
	s.clock.Move(11 * time.Second)
	refused("a third one of the same source", knock("192.0.2.1", "three"))
	for n := range 18 {
		if w := knock(fmt.Sprintf("192.0.2.%d", 2+n), "device"); w.Code != http.StatusAccepted {
			t.Fatalf("knock %d: %d %s", n+3, w.Code, w.Body)
		}
	}
	refused("one more than twenty", knock("192.0.2.100", "late"))
}

// An invite's secret makes a device once. Looking at it uses nothing up.
func TestInvite(t *testing.T) {
	s := openWithClock(t)
	in, err := s.pairs.Invite(pairing.Grant{Name: "FOH iPad", Profile: "viewer", By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a := s.call(t, "POST", "/pair/invite/look", map[string]any{"invite": in.Secret}).is(t, "a look", http.StatusOK, "")
		if want := map[string]any{"name": "FOH iPad", "profile": "viewer", "router_id": "router id", "router_name": "test router"}; !reflect.DeepEqual(a.fields, want) {
			t.Errorf("the invite looks like %s", a.text)
		}
	}
	for _, path := range []string{"/pair/invite", "/pair/invite/look"} {
		for _, secret := range []string{"", "unknown", in.PIN, in.ID} {
			s.call(t, "POST", path, map[string]any{"invite": secret}).is(t, "an unknown invite", http.StatusUnauthorized, "unauthorized")
		}
	}
	use := map[string]any{"invite": in.Secret, "name": "iPad"}
	a := s.call(t, "POST", "/pair/invite", use).is(t, "an invite", http.StatusOK, "")
	if a.field("profile") != "viewer" || a.fields["expires"] != nil {
		t.Errorf("it gives %s", a.text)
	}
	if all := s.pairs.Devices(); len(all) != 1 || all[0].Name != "FOH iPad" || all[0].Claimed != "iPad" || all[0].Transport != "http" {
		t.Errorf("the devices are %+v", all)
	}
	if _, err := s.enter(t, a.field("token")); err != nil {
		t.Errorf("with the token: %v", err)
	}
	s.call(t, "POST", "/pair/invite", use).is(t, "an invite replayed", http.StatusConflict, "already_used")
	s.call(t, "POST", "/pair/invite/look", use).is(t, "a look at a used invite", http.StatusConflict, "already_used")

	if in, err = s.pairs.Invite(pairing.Grant{By: "the test"}, false); err != nil {
		t.Fatal(err)
	}
	s.clock.Move(5 * time.Minute)
	s.call(t, "POST", "/pair/invite", map[string]any{"invite": in.Secret}).is(t, "an invite that is over", http.StatusGone, "expired_token")
}

// Of those who race for one invite one gets it.
func TestRace(t *testing.T) {
	s := openWithClock(t)
	in, err := s.pairs.Invite(pairing.Grant{By: "the test"}, false)
	if err != nil {
		t.Fatal(err)
	}
	var racing sync.WaitGroup
	answers := make(chan int, 16)
	for n := range cap(answers) {
		racing.Go(func() {
			answers <- s.call(t, "POST", "/pair/invite", map[string]any{"invite": in.Secret, "name": fmt.Sprint("racer ", n)}).status
		})
	}
	racing.Wait()
	close(answers)
	count := make(map[int]int)
	for status := range answers {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusConflict] != cap(answers)-1 || len(s.pairs.Devices()) != 1 {
		t.Errorf("the racers got %v, and there are %d devices", count, len(s.pairs.Devices()))
	}
}

// A device may end itself, and its session goes with it. Only a device of ours may.
func TestRevokeSelf(t *testing.T) {
	s := openWithClock(t)
	in, err := s.pairs.Invite(pairing.Grant{By: "the test"}, false)
	if err != nil {
		t.Fatal(err)
	}
	token := s.call(t, "POST", "/pair/invite", map[string]any{"invite": in.Secret}).field("token")
	c, err := s.enter(t, token)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"", "Bearer", "Bearer x", "Basic " + token, "Bearer " + token + "x", token} {
		a := s.send(t, "POST", "/pair/revoke-self", "", map[string]string{"Authorization": header}).is(t, "with "+header, http.StatusUnauthorized, "unauthorized")
		if a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("it is not told how to say who it is: %v", a.header)
		}
	}
	bearer := map[string]string{"Authorization": "bearer " + token}
	s.send(t, "POST", "/pair/revoke-self", "", bearer).is(t, "the device itself", http.StatusNoContent, "")
	select {
	case <-c.Done():
	case <-time.After(kit.Patience):
		t.Error("its session goes on")
	}
	s.send(t, "POST", "/pair/revoke-self", "", bearer).is(t, "again", http.StatusUnauthorized, "revoked_token")
	if all := s.pairs.Devices(); len(all) != 0 {
		t.Errorf("the devices are %+v", all)
	}
}

// Bodies that are none are refused before anything happens.
func TestBodies(t *testing.T) {
	s := openWithClock(t)
	big := `{"name":"` + strings.Repeat("x", 4096) + `"}`
	for _, path := range []string{"/pair", "/pair/some/pin", "/pair/some/token", "/pair/invite", "/pair/invite/look"} {
		for body, want := range map[string]int{
			"": http.StatusBadRequest, "{": http.StatusBadRequest, "[]": http.StatusBadRequest, `"x"`: http.StatusBadRequest, "name=x": http.StatusBadRequest,
			"{} {}": http.StatusBadRequest, "{}]": http.StatusBadRequest, `{"name":1,"device_code":1,"invite":1}`: http.StatusBadRequest,
			strings.Repeat("[", 4000): http.StatusBadRequest, big: http.StatusRequestEntityTooLarge, strings.Repeat(" ", 5000): http.StatusRequestEntityTooLarge,
			"{}" + strings.Repeat(" ", 5000): http.StatusRequestEntityTooLarge,
		} {
			s.send(t, "POST", path, body, isJSON).is(t, fmt.Sprintf("%s with %.20q", path, body), want, "invalid_request")
		}
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "text/json"} {
			s.send(t, "POST", path, "{}", map[string]string{"Content-Type": kind}).is(t, path+" as "+kind, http.StatusUnsupportedMediaType, "invalid_request")
		}
	}
	many := make([]string, 33)
	s.call(t, "POST", "/pair", map[string]any{"want": many}).is(t, "33 wishes", http.StatusBadRequest, "invalid_request")
	if n := len(s.pairs.Knocks()); n != 0 {
		t.Errorf("%d devices have knocked", n)
	}
	s.send(t, "POST", "/pair", `{"name":"x","more":{"of":["it"]}}`, map[string]string{"Content-Type": "Application/JSON; charset=utf-8"}).is(t, "what is not known yet", http.StatusAccepted, "")
}

// A page of another site gets nothing done, nor does one under a name that somebody else has pointed here; and no answer may
// be read by a page of another site.
func TestOtherSites(t *testing.T) {
	s := openWithClock(t)
	in, err := s.pairs.Invite(pairing.Grant{By: "the test"}, false)
	if err != nil {
		t.Fatal(err)
	}
	use := `{"invite":"` + in.Secret + `"}`
	const advice = "security.allowed_origins" // is not for those who ask
	turnedAway := func(a answer, what string) {
		t.Helper()
		a.is(t, what, http.StatusForbidden, "access_denied")
		if strings.Contains(a.text, advice) || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", what, a.text, a.header)
		}
	}
	for _, header := range []map[string]string{
		{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Host": "evil.example"},
		{"Host": "evil.example", "Origin": "http://evil.example"},
	} {
		header["Content-Type"] = "application/json"
		for _, path := range []string{"/pair", "/pair/invite", "/pair/invite/look"} {
			turnedAway(s.send(t, "POST", path, use, header), fmt.Sprintf("POST %s with %v", path, header))
		}
		turnedAway(s.send(t, "GET", "/pair", "", header), fmt.Sprintf("GET with %v", header))
		if a := s.send(t, "GET", "/p", "", header); a.status != http.StatusForbidden || strings.Contains(a.text, advice) || a.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("the page with %v: %d %s %v", header, a.status, a.text, a.header)
		}
	}
	// A name that anybody on the LAN can answer for, though its page may be looked at.
	rebound := map[string]string{"Host": "evil.local", "Origin": "http://evil.local", "Content-Type": "application/json"}
	for _, path := range []string{"/pair", "/pair/invite", "/pair/invite/look", "/pair/revoke-self"} {
		turnedAway(s.send(t, "POST", path, use, rebound), "POST "+path+" of a name that is not the router's")
	}
	if n := len(s.pairs.Knocks()); n != 0 {
		t.Errorf("%d of them wait", n)
	}
	if !strings.Contains(s.log.String(), `pages of \"https://evil.example\" may not read this: list \"any\" and \"https://evil.example\" in `+advice) {
		t.Errorf("the log does not say how to let them in:\n%s", &s.log)
	}
	preflight := s.send(t, "OPTIONS", "/pair/invite", "", map[string]string{"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
	own := s.send(t, "POST", "/pair/invite", use, map[string]string{"Content-Type": "application/json", "Origin": "http://" + s.host}).is(t, "its own page", http.StatusOK, "")
	for _, a := range []answer{preflight, own, s.send(t, "GET", "/pair", "", nil)} {
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("an answer has the header %s", name)
			}
		}
	}
	if preflight.status < 400 {
		t.Errorf("a preflight is answered %d", preflight.status)
	}
}

// Who is turned away is so by its whole address, however many share what its failures count for. The addresses are invented: this
// machine has only one.
func TestWholeAddress(t *testing.T) {
	s := openWithClock(t)
	knock := func(remote string) int {
		s.clock.Move(11 * time.Second)
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/pair", strings.NewReader(`{"name":"phone"}`))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = remote
		s.handler.Serve(w, r, netip.MustParseAddr("2001:db8::"))
		return w.Code
	}
	knock("[2001:db8::1]:1")
	if err := s.pairs.Deny(s.pairs.Knocks()[0].ID, "the test"); err != nil {
		t.Fatal(err)
	}
	for remote, want := range map[string]int{"[2001:db8::1]:2": http.StatusForbidden, "[2001:db8::2]:1": http.StatusAccepted} {
		if got := knock(remote); got != want {
			t.Errorf("%s: %d, want %d", remote, got, want)
		}
	}
}

// Whoever previews a link does nothing by it.
func TestGETChangesNothing(t *testing.T) {
	s := openWithClock(t)
	c := s.knock(t, "desk")
	in, err := s.pairs.Invite(pairing.Grant{By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH"} {
		for _, path := range []string{"/p", "/pair", "/pair/invite", "/pair/invite/look", "/pair/revoke-self", "/pair/" + c.id, "/pair/" + c.id + "/token", "/pair/" + c.id + "/pin"} {
			a := s.send(t, method, path, fmt.Sprintf(`{"invite":%q,"device_code":%q,"pin":%q}`, in.Secret, c.code, in.PIN), isJSON)
			page := (path == "/p" || path == "/pair") && (method == "GET" || method == "HEAD")
			if page != (a.status == http.StatusOK) {
				t.Errorf("%s %s: %d %.60s", method, path, a.status, a.text)
			}
		}
	}
	if len(s.pairs.Invites()) != 1 || len(s.pairs.Knocks()) != 1 || len(s.pairs.Devices()) != 0 {
		t.Errorf("there are %d invites, %d knocks and %d devices", len(s.pairs.Invites()), len(s.pairs.Knocks()), len(s.pairs.Devices()))
	}
	c.pin(t, in.PIN).is(t, "the PIN afterwards", http.StatusOK, "")
}

// With pairing off nobody new comes in; what there is says so.
func TestOff(t *testing.T) {
	s := open(t, pairing.Settings{}, nil)
	about := s.send(t, "GET", "/pair", "", map[string]string{"Accept": "application/json"})
	if want := map[string]any{"router_id": "router id", "router_name": "test router", "pairing": false, "secure": false}; !reflect.DeepEqual(about.fields, want) {
		t.Errorf("about it: %s", about.text)
	}
	s.call(t, "POST", "/pair", map[string]any{"name": "x"}).is(t, "a knock", http.StatusForbidden, "pairing_closed")
	s.call(t, "POST", "/pair/invite", map[string]any{"invite": "x"}).is(t, "an invite", http.StatusForbidden, "pairing_closed")
}

// Behind TLS it says so, to the device and to the operator.
func TestSecure(t *testing.T) {
	shown, trust := kit.TLS(t)
	s := openPort(t, plain, nil, shown)
	c := http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	defer c.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.host+"/pair", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	got, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var about map[string]any
	if err := json.NewDecoder(got.Body).Decode(&about); err != nil || about["secure"] != true {
		t.Errorf("it says %v, %v", about, err)
	}
	knocked, err := c.Post("https://"+s.host+"/pair", "application/json", strings.NewReader(`{"name":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer knocked.Body.Close()
	if knocks := s.pairs.Knocks(); len(knocks) != 1 || !knocks[0].Encrypted {
		t.Errorf("the operator sees %+v", knocks)
	}
}

// A router without devices has no calls.
func TestWithout(t *testing.T) {
	h := pairweb.New(pairweb.Options{})
	for _, path := range []string{"/p", "/pair", "/healthz"} {
		w := httptest.NewRecorder()
		h.Serve(w, httptest.NewRequest("GET", path, nil), netip.Addr{})
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestHealth(t *testing.T) {
	s := openWithClock(t)
	s.send(t, "GET", "/healthz", "", nil).is(t, "health", http.StatusOK, "")
	s.send(t, "GET", "/readyz", "", nil).is(t, "ready", http.StatusOK, "")
	s.unready = func() []string { return []string{"stopping"} }
	s.send(t, "GET", "/healthz", "", nil).is(t, "health", http.StatusOK, "")
	if a := s.send(t, "GET", "/readyz", "", nil).is(t, "not ready", http.StatusServiceUnavailable, ""); a.text != "stopping" {
		t.Errorf("it says %q", a.text)
	}
	if a := s.send(t, "GET", "/metrics", "", nil); a.status != http.StatusNotFound {
		t.Errorf("metrics are shown here: %d", a.status)
	}
}

// Nothing is kept, framed, sniffed or told to another site, whatever the answer.
func TestHeaders(t *testing.T) {
	s := openWithClock(t)
	for _, a := range []answer{
		s.send(t, "GET", "/p", "", nil), s.send(t, "GET", "/pair", "", map[string]string{"Accept": "application/json"}),
		s.send(t, "POST", "/pair", "", nil), s.send(t, "GET", "/nothing", "", nil), s.send(t, "PUT", "/pair", "", nil),
		s.call(t, "POST", "/pair", nil),
	} {
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%d %.40q has %s %q, want %q", a.status, a.text, name, got, want)
			}
		}
		policy := a.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%d %.40q has the policy %q", a.status, a.text, policy)
		}
	}
}
