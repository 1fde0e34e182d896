//go:build unix

// Runs a router with pairing and asks it over the admin socket, as the commands do.

package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
)

// pairs starts a router with pairing whose devices are in a file of the test's.
func pairs(t *testing.T, args ...string) (s *service, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "devices")
	return pairsAgain(t, file, args...), file
}

func pairsAgain(t *testing.T, file string, args ...string) *service {
	t.Helper()
	return serve(t, []string{"CLASP_SECURITY_PAIRING_FILE=" + file},
		append([]string{"--port", "0", "--bind", "127.0.0.1", "--log-level", "trace", "--metrics", "--metrics-port", "0"}, args...)...)
}

// socket is where the operator's commands reach the router.
func (s *service) socket(t *testing.T) string {
	t.Helper()
	return s.until(t, s.stdout.String, `msg="admin socket open" path=(\S+)`)[1]
}

// asked makes a call over the admin socket. The answer is an object, or a list below "".
func (s *service) asked(t *testing.T, route, body string) (status int, answer map[string]any) {
	t.Helper()
	status, answer, err := adminCall(s.socket(t), route, body)
	if err != nil {
		t.Fatalf("%s: %v", route, err)
	}
	return status, answer
}

// adminCall is asked for a router that may die.
func adminCall(socket, route, body string) (status int, answer map[string]any, err error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	method, target, _ := strings.Cut(route, " ")
	request, err := http.NewRequest(method, "http://router"+target, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	var v any
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		return 0, nil, err
	}
	if answer, ok := v.(map[string]any); ok {
		return response.StatusCode, answer, nil
	}
	return response.StatusCode, map[string]any{"": v}, nil
}

// asks is asked for what succeeds.
func (s *service) asks(t *testing.T, route, body string) map[string]any {
	t.Helper()
	status, answer := s.asked(t, route, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %v", route, body, status, answer)
	}
	return answer
}

// objects returns the objects of a list.
func objects(v any) (list []map[string]any) {
	items, _ := v.([]any)
	for _, item := range items {
		list = append(list, item.(map[string]any))
	}
	return list
}

// dials connects as a device; it fails if it is not let in.
func dials(t *testing.T, address, name, token string) (*goclient.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := goclient.Dial(ctx, "ws://"+address, goclient.Options{Name: name, Token: token})
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

// reissued is the token of a device, anew.
func (s *service) reissued(t *testing.T, ref string) string {
	t.Helper()
	return s.asks(t, "POST /pairing/devices/"+ref+"/token", "")["token"].(string)
}

// within polls until f is true.
func within(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestPairingByCommand: a device waits, is shown, picked and approved, uses what it got, holds a lock, is
// renamed, gets another profile and is revoked.
func TestPairingByCommand(t *testing.T) {
	s, file := pairs(t, "--pairing", "--name", "Studio")
	address := s.address(t)
	s.until(t, s.stdout.String, `msg="pairing is on, and with it --require-auth: whoever connects shows a token or is let in" approval=pin devices=0`)
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the devices' file: %v, %v", info, err)
	}

	ipad, err := dials(t, address, "FOH\x1b[31m iPad", "")
	if err != nil {
		t.Fatal(err)
	}
	var knock map[string]any
	within(t, "a knock", func() bool {
		view := s.asks(t, "GET /pairing", "")
		if list := objects(view["knocks"]); len(list) == 1 {
			knock = list[0]
			if view["router"] != "Studio" || view["enabled"] != true || view["approval"] != "pin" || view["reconnect_grace"] != 600.0 || len(objects(view["profiles"])) != 5 {
				t.Errorf("the view: %v", view)
			}
		}
		return knock != nil
	})
	if knock["name"] != "FOH[31m iPad" || knock["state"] != "waiting" || knock["transport"] != "ws" || knock["code"] != nil {
		t.Errorf("the knock: %v", knock)
	}
	id := knock["id"].(string)
	picked := s.asks(t, "POST /pairing/knocks/"+id+"/pick", "")
	code, _ := picked["code"].(string)
	if picked["state"] != "code_shown" || !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
		t.Errorf("picked: %v", picked)
	}
	if open := s.metric(t, `clasp_pairing_codes_open\{kind="request"\}`); open != 1 {
		t.Errorf("%v request codes open", open)
	}
	device := s.asks(t, "POST /pairing/knocks/"+id+"/approve", `{"name":"iPad","profile":"operator","lifetime":"show"}`)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if device["name"] != "iPad" || device["profile"] != "operator" || device["lifetime"] != "show" || device["created_by"] != me.Username {
		t.Errorf("the device: %v", device)
	}
	if status, answer := s.asked(t, "POST /pairing/knocks/"+id+"/deny", ""); status != http.StatusConflict && status != http.StatusNotFound {
		t.Errorf("denied behind that: %d %v", status, answer)
	}
	within(t, "rights", func() bool {
		_, err := ipad.Set(t.Context(), "/lights/1", 0.5, goclient.Lock())
		return err == nil
	})
	shown := s.asks(t, "GET /pairing/devices/ipad", "") // by its name, whatever the case
	holds, _ := shown["holds"].(map[string]any)
	if holds["locks_held"] != 1.0 || !slices.Equal(holds["locks"].([]any), []any{"/lights/1"}) || holds["last_message"] == nil || shown["online"] != 1.0 {
		t.Errorf("it holds %v", shown)
	}
	if wrote, _ := holds["last_wrote"].([]any); !slices.Equal(wrote, []any{"/lights/1"}) || holds["last_wrote_count"] != 1.0 {
		t.Errorf("it wrote %v", holds)
	}
	for i := range 11 {
		if _, err := ipad.Set(t.Context(), fmt.Sprintf("/m/%d", i), i); err != nil {
			t.Fatal(err)
		}
	}
	holds, _ = s.asks(t, "GET /pairing/devices/ipad", "")["holds"].(map[string]any)
	if wrote, _ := holds["last_wrote"].([]any); len(wrote) != 10 || holds["last_wrote_count"] != 12.0 {
		t.Errorf("it wrote %v", holds)
	}

	// Its token, shown to be pasted. The name is changed without an end of its session.
	token := s.asks(t, "POST /pairing/devices/iPad/token", "")
	text := token["token"].(string)
	if !strings.HasPrefix(text, "clp_"+device["id"].(string)+"_") || token["router_name"] != "Studio" {
		t.Errorf("the token: %v", token)
	}
	if renamed := s.asks(t, "POST /pairing/devices/iPad/rename", `{"name":"FOH"}`); renamed["name"] != "FOH" || renamed["online"] != 1.0 {
		t.Errorf("renamed: %v", renamed)
	}
	second, err := dials(t, address, "iPad", text)
	if err != nil {
		t.Fatal(err)
	}
	s.asks(t, "POST /pairing/devices/FOH/profile", `{"profile":"viewer"}`)
	for _, c := range []*goclient.Client{ipad, second} {
		select {
		case <-c.Done():
		case <-time.After(patience):
			t.Fatal("a session goes on with its old rights")
		}
	}
	viewer, err := dials(t, address, "iPad", text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := viewer.Set(t.Context(), "/lights/1", 1); err == nil || !strings.Contains(err.Error(), "301") {
		t.Errorf("a viewer writes: %v", err)
	}
	if gone := s.asks(t, "DELETE /pairing/devices/FOH", ""); gone["name"] != "FOH" || gone["holds"] == nil {
		t.Errorf("revoked: %v", gone)
	}
	<-viewer.Done()
	if err := viewer.Err(); err == nil || !strings.Contains(err.Error(), "4410") {
		t.Errorf("revoked: %v", err)
	}
	if _, err := dials(t, address, "iPad", text); err == nil {
		t.Error("a revoked token is accepted")
	}
	if issued, devices := s.metric(t, `clasp_pairing_requests_total\{outcome="issued"\}`), s.metric(t, "clasp_paired_devices"); issued != 1 || devices != 0 {
		t.Errorf("metrics: %v issued, %v devices", issued, devices)
	}

	// The audit log knows all of it and no secret; neither does the log at its finest.
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	audit, err := os.ReadFile(file + ".audit.log")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file + ".audit.log"); err != nil || info.Mode() != 0o600 {
		t.Errorf("the audit log: %v, %v", info, err)
	}
	var what []string
	for line := range bytes.Lines(audit) {
		var e struct{ What, Operator string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		what = append(what, e.What)
		if e.What == "revoked" && e.Operator != me.Username {
			t.Errorf("revoked by %q", e.Operator)
		}
	}
	if want := []string{"knock", "code_opened", "issued", "reissued", "renamed", "profile", "revoked"}; !slices.Equal(what, want) {
		t.Errorf("audit log: %q, want %q", what, want)
	}
	for _, secret := range []string{code, text, strings.TrimPrefix(text, "clp_"+device["id"].(string))} {
		if strings.Contains(string(audit), secret) || strings.Contains(s.stdout.String()+s.stderr.String(), secret) {
			t.Errorf("a secret is in a log: %s", secret)
		}
	}
	s.until(t, s.stdout.String, `level=INFO msg="device paired" pairing=issued .*device_name=iPad`)
}

// TestInviteByCommand: an invite's PIN as a token, its link, and what became of it.
func TestInviteByCommand(t *testing.T) {
	s, _ := pairs(t, "--pairing")
	address := s.address(t)
	invite := s.asks(t, "POST /pairing/invites", `{"name":"desk","profile":"viewer","lifetime":"forever","pin":true}`)
	pin, _ := invite["pin"].(string)
	links := objects(invite["links"])
	if invite["state"] != "open" || len(pin) != 6 || len(links) != 1 || links[0]["card"] == "" {
		t.Fatalf("the invite: %v", invite)
	}
	prefix := "http://" + address + "/p#"
	secret, ok := strings.CutPrefix(links[0]["url"].(string), prefix)
	if !ok || len(secret) != 22 {
		t.Errorf("the link: %v", links[0])
	}
	if status, answer := s.asked(t, "POST /pairing/invites", `{"pin":true}`); status != http.StatusConflict {
		t.Errorf("a second PIN: %d %v", status, answer)
	}
	if _, err := dials(t, address, "phone", pin); err != nil {
		t.Fatal(err)
	}
	state := s.asks(t, "GET /pairing/invites/"+invite["id"].(string), "")
	device, _ := state["device"].(map[string]any)
	if state["state"] != "used" || device["name"] != "desk" || device["profile"] != "viewer" || device["lifetime"] != "forever" || state["pin"] != nil {
		t.Errorf("used: %v", state)
	}

	// Without a PIN, used over HTTP.
	invite = s.asks(t, "POST /pairing/invites", `{}`)
	secret = strings.TrimPrefix(objects(invite["links"])[0]["url"].(string), prefix)
	response, err := http.Post("http://"+address+"/pair/invite", "application/json", strings.NewReader(`{"invite":"`+secret+`","name":"laptop"}`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || invite["pin"] != nil {
		t.Errorf("%s, %v", response.Status, invite)
	}
	for page, want := range map[string]int{"/p": http.StatusOK, "/readyz": http.StatusOK, "/healthz": http.StatusOK, "/metrics": http.StatusNotFound} {
		response, err := http.Get("http://" + address + page)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s, want %d", page, response.Status, want)
		}
	}
	// Closed.
	invite = s.asks(t, "POST /pairing/invites", `{"pin":true}`)
	s.asks(t, "DELETE /pairing/invites/"+invite["id"].(string), "")
	if state := s.asks(t, "GET /pairing/invites/"+invite["id"].(string), ""); state["state"] != "expired" {
		t.Errorf("closed: %v", state)
	}
	if status, _ := s.asked(t, "DELETE /pairing/invites/"+invite["id"].(string), ""); status != http.StatusNotFound {
		t.Errorf("closed twice: %d", status)
	}
	if list := objects(s.asks(t, "GET /pairing/devices", "")[""]); len(list) != 2 || list[0]["name"] != "desk" || list[1]["name"] != "laptop" {
		t.Errorf("the devices: %v", list)
	}
	s.asks(t, "POST /pairing/unlock", "")
}

// TestInviteOverTLS: the link has the fingerprint of the router's key.
func TestInviteOverTLS(t *testing.T) {
	dir, _, _ := initTLS(t)
	s, _ := pairs(t, "--pairing", "--tls-cert", dir.file("cert.pem"), "--tls-key", dir.file("key.pem"))
	s.until(t, s.stdout.String, "router started")
	url := objects(s.asks(t, "POST /pairing/invites", "")["links"])[0]["url"].(string)
	m := regexp.MustCompile(`^https://127\.0\.0\.1:\d+/p#[\w-]{22}\.([\w-]{43})$`).FindStringSubmatch(url)
	if m == nil {
		t.Fatalf("the link: %s", url)
	}
	sum := sha256.Sum256(dir.certificate(t, "cert.pem").RawSubjectPublicKeyInfo)
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); m[1] != want {
		t.Errorf("the fingerprint is %s, want %s", m[1], want)
	}
}

// TestPairingRefusals: what makes no sense, what is not there, and what does not go now.
func TestPairingRefusals(t *testing.T) {
	s, _ := pairs(t, "--pairing")
	s.asks(t, "POST /pairing/allow", `{"name":"stage-mat","from":"10.0.0.0/24","profile":"sensor"}`)
	for _, test := range []struct {
		route, body string
		status      int
		words       string
	}{
		{"POST /pairing/invites", `{"profile":"god"}`, 400, `no profile is called "god": there are admin, default, operator, sensor, viewer`},
		{"POST /pairing/invites", `{"lifetime":"2h"}`, 400, `lifetime "2h"`},
		{"POST /pairing/invites", `{"pins":true}`, 400, `unknown field`},
		{"POST /pairing/invites", `{} {}`, 400, `there is more`},
		{"POST /pairing/invites", `[]`, 400, `read the request`},
		{"POST /pairing/allow", `{"name":"x","from":"stage"}`, 400, `neither an address`},
		{"POST /pairing/allow", `{"from":"10.0.0.1"}`, 400, `say which`},
		{"POST /pairing/allow", `{"name":"stage-mat","from":"10.0.0.9"}`, 409, `is let in already`},
		{"POST /pairing/knocks/nobody/approve", "", 404, `no device waits with the ID "nobody"`},
		{"POST /pairing/knocks/nobody/pick", "", 404, `no device waits`},
		{"POST /pairing/knocks/nobody/deny", "", 404, `no device waits`},
		{"GET /pairing/invites/none", "", 404, `no invite has the ID "none"`},
		{"GET /pairing/devices/nobody", "", 404, `no device has the name or ID "nobody"`},
		{"POST /pairing/devices/nobody/rename", `{"name":"x"}`, 404, `no device has`},
		{"POST /pairing/devices/stage-mat/profile", `{"profile":"admin"}`, 400, `not given to a device that shows no token`},
		{"DELETE /pairing/devices/nobody", "", 404, `no device has`},
		{"POST /pairing/revoke-all", `{"keep":["stage-mat","typo"]}`, 404, `no device has the name or ID "typo"`},
	} {
		status, answer := s.asked(t, test.route, test.body)
		if words, _ := answer["error"].(string); status != test.status || !strings.Contains(words, test.words) {
			t.Errorf("%s %s: %d %v, want %d %s", test.route, test.body, status, answer, test.status, test.words)
		}
	}
	s.asks(t, "POST /pairing/allow", `{"name":"b","from":"10.0.0.9"}`)
	if gone := objects(s.asks(t, "POST /pairing/revoke-all", `{"keep":["stage-mat"]}`)[""]); len(gone) != 1 || gone[0]["name"] != "b" {
		t.Errorf("revoked: %v", gone)
	}
	if left := objects(s.asks(t, "GET /pairing/devices", "")[""]); len(left) != 1 || left[0]["from"] != "10.0.0.0/24" || left[0]["weak"] != true {
		t.Errorf("left: %v", left)
	}
}

// TestDevicesWithoutPairing: a router that is started without --pairing lets in the devices of
// its file and nobody new, and has no such file if there was none.
func TestDevicesWithoutPairing(t *testing.T) {
	s, file := pairs(t, "--pairing")
	invite := s.asks(t, "POST /pairing/invites", `{"pin":true}`)
	if _, err := dials(t, s.address(t), "desk", invite["pin"].(string)); err != nil {
		t.Fatal(err)
	}
	token := s.reissued(t, "desk")
	s.signal(t, syscall.SIGTERM)
	s.exit(t)

	s = pairsAgain(t, file, "--require-auth")
	if _, err := dials(t, s.address(t), "desk", token); err != nil {
		t.Error(err)
	}
	s.until(t, s.stdout.String, `msg="pairing is off: devices that are paired come in with their tokens" devices=1`)
	if _, err := dials(t, s.address(t), "other", ""); err == nil || !strings.Contains(err.Error(), "300") {
		t.Errorf("a stranger: %v", err)
	}
	if status, answer := s.asked(t, "POST /pairing/invites", ""); status != http.StatusConflict || !strings.Contains(answer["error"].(string), "--pairing") {
		t.Errorf("an invite: %d %v", status, answer)
	}
	// A second router on the same file does not do without it when it is to pair.
	other := serve(t, []string{"CLASP_SECURITY_PAIRING_FILE=" + file}, "--port", "0", "--bind", "127.0.0.1", "--pairing")
	if code := other.exit(t); code != 75 {
		t.Errorf("two routers on one file: exit code %d", code)
	}

	none := filepath.Join(t.TempDir(), "none")
	s = pairsAgain(t, none)
	if status, answer := s.asked(t, "GET /pairing", ""); status != http.StatusServiceUnavailable || !strings.Contains(answer["error"].(string), "--pairing") {
		t.Errorf("without devices: %d %v", status, answer)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a file was made")
	}
	if _, page := s.fetched(t, "/metrics"); strings.Contains(page, "clasp_pair") {
		t.Error("metrics of pairing where there is none")
	}
}

// TestPairingHasNoPlace: what keeps a router with --pairing from starting.
func TestPairingHasNoPlace(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "foreign")
	write(t, foreign, "not a database")
	for _, test := range []struct {
		file  string
		code  int
		words string
	}{
		{"", 78, "pairing needs a place for its devices: give security.pairing.file"},
		{"/proc/devices.db", 73, "choose another file (security.pairing.file)"},
		{"/proc/nope/devices.db", 73, "choose another file (security.pairing.file)"},
		{foreign, 1, "nothing was changed"},
	} {
		var environ []string
		if test.file != "" {
			environ = []string{"CLASP_SECURITY_PAIRING_FILE=" + test.file}
		}
		_, words, code := clasp(t, environ, "server", "--port", "0", "--bind", "127.0.0.1", "--pairing")
		if code != test.code || !strings.Contains(words, test.words) {
			t.Errorf("%q: exit code %d, want %d: %s", test.file, code, test.code, words)
		}
	}
	if text, _ := os.ReadFile(foreign); string(text) != "not a database" {
		t.Error("a foreign file was overwritten")
	}
	// Without --pairing it is said, and the router runs.
	s := pairsAgain(t, foreign)
	s.until(t, s.stdout.String, `level=ERROR msg="paired devices are not let in" path=`)
	greeted(t, s.address(t))
}

// probed asks a router about itself by UDP (protocol section 12).
func probed(t *testing.T, address string) (answer map[string]any) {
	t.Helper()
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("CLASP-DISCOVER\n")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second)) // there is a limit of answers
	buffer := make([]byte, 2048)
	if n, err := c.Read(buffer); err == nil {
		_ = json.Unmarshal(buffer[:n], &answer) // without an answer it is asked again
	}
	return answer
}

// TestReloadPairing: all but the file is live in a router that has one; pairing cannot be
// turned on in another.
func TestReloadPairing(t *testing.T) {
	devices := filepath.Join(t.TempDir(), "devices")
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	file := func(more string) {
		t.Helper()
		write(t, path, "server:\n  port: 0\n  bind: 127.0.0.1\n  logging: {level: debug}\n"+more)
	}
	pairing := func(more string) { file("  security: {pairing: {enabled: true, file: " + devices + more + "}}\n") }
	pairing("")
	s := serve(t, nil, "-c", path, "--discovery-port", "0")
	address := s.address(t)
	pin := s.asks(t, "POST /pairing/invites", `{"pin":true}`)["pin"].(string)
	desk, err := dials(t, address, "desk", pin)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(want string) {
		t.Helper()
		s.signal(t, syscall.SIGHUP)
		s.until(t, s.stdout.String, want)
	}
	pairing(", max_pins: 2, timeout: 60, default_permissions: {write: [/lights/**]}")
	reload(`configuration reloaded.*changed="\[security.pairing.timeout security.pairing.max_pins security.pairing.default_permissions.write\]"`)
	select {
	case <-desk.Done(): // what it may do is another thing now
	case <-time.After(patience):
		t.Fatal("a session goes on with its old rights")
	}
	s.asks(t, "POST /pairing/invites", `{"pin":true}`)
	s.asks(t, "POST /pairing/invites", `{"pin":true}`)

	pairing(", profiles: {\"a\\u202eb\": {read: [/**]}}")
	reload(`configuration problem" at=\S+clasp.yaml:5:\d+ problem=.*profile`)

	told := func(want string) {
		t.Helper()
		where := s.until(t, s.stdout.String, `Discovery  (127\.0\.0\.1:\d+)`)[1]
		within(t, "auth="+want, func() bool { return probed(t, where)["auth"] == want })
	}
	told("pair")

	// Off: its devices stay, and all of security as it is, since nothing else asks for tokens.
	file("  security: {require_auth: true, pairing: {enabled: false, file: " + devices + "}}\n")
	reload(`changed="\[security.require_auth.*security.pairing.enabled|changed="\[security.pairing.enabled`)
	if view := s.asks(t, "GET /pairing", ""); view["enabled"] != false || view["devices"] != 1.0 || len(objects(view["invites"])) > 0 {
		t.Errorf("turned off: %v", view)
	}
	told("token")
	pairing("")
	reload(`(?s)security.pairing.enabled.*changed=\S*security.pairing.enabled`)
	s.asks(t, "POST /pairing/invites", `{"pin":true}`)

	// A router without devices keeps as it was.
	file("")
	other := serve(t, nil, "-c", path)
	other.address(t)
	pairing("")
	other.signal(t, syscall.SIGHUP)
	other.until(t, other.stdout.String, `changed options wait for a restart" options="\[security.require_auth security.pairing.enabled security.pairing.file\]"`)
	greeted(t, other.address(t))
}

// TestPairingCloseCode: a stranger is told that this router pairs.
func TestPairingCloseCode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clasp.yaml")
	write(t, file, "server: {security: {pairing: {enabled: true, lobby: false, file: "+filepath.Join(t.TempDir(), "d")+"}}}\n")
	s := serve(t, nil, "-c", file, "--port", "0", "--bind", "127.0.0.1")
	c, response, err := websocket.DefaultDialer.Dial("ws://"+s.address(t)+"/clasp", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nothing in it after an upgrade
	defer c.Close()
	send(t, c, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("stranger")}))
	expectType(t, c, wire.TypeError)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 4401) {
		t.Errorf("closed with %v", err)
	}
}
