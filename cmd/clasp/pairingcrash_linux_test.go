// Kills a router at each arrow of pairing sections 2 and 3: what it leaves is a device that works or nothing, with no code open,
// as many wrong PINs counted as there were, and whoever was thrown out still outside.

package main_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	bolt "go.etcd.io/bbolt"
)

// forgottenAfter is when whoever has not shown that it has its token is no device any more, and a bit.
const forgottenAfter = 11 * time.Minute

// doomed is a router that will be killed, and what was secret while it ran.
type doomed struct {
	*service
	dir     string
	environ []string
	at      string // address of the port that devices come to
	misses  int    // wrong PINs that are counted
	locked  bool

	codes    []string // six digits
	links    []string
	requests [][2]string // over HTTP: ID and device code
}

// doom starts a router on the files in a folder. It has pairing's files and its own, beside each other.
func doom(t *testing.T, dir string, environ ...string) *doomed {
	t.Helper()
	d := &doomed{dir: dir, environ: environ}
	d.start(t)
	return d
}

func (d *doomed) start(t *testing.T) {
	t.Helper()
	d.service = serve(t, d.environ, "--bind", "127.0.0.1", "--port", "0", "--pairing", "--name", "Studio", "--log-level", "debug",
		"--persist", "--persist-path", filepath.Join(d.dir, "state.db"), "--metrics", "--metrics-port", "0")
	d.at = d.address(t)
}

func (d *doomed) devices() string { return filepath.Join(d.dir, "state.db.devices") }

// kill pulls the plug, and returns two routers on copies of what is left: one that is started at once, and one that is
// started when all of it is old.
func (d *doomed) kill(t *testing.T) (now, later *doomed) {
	t.Helper()
	d.signal(t, syscall.SIGKILL)
	<-d.ended
	checkFile(t, d.devices())
	now = d.copied(t)
	later = d.copied(t)
	age(t, later.devices(), forgottenAfter)
	for _, next := range []*doomed{now, later} {
		next.start(t)
		next.opened(t)
		next.nothingOpen(t, d)
	}
	return now, later
}

// copied is a router to be on a copy of the files.
func (d *doomed) copied(t *testing.T) *doomed {
	t.Helper()
	next := &doomed{dir: filepath.Join(t.TempDir(), "copy"), environ: d.environ, misses: d.misses, locked: d.locked}
	if err := os.CopyFS(next.dir, os.DirFS(d.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(next.devices(), 0o600); err != nil { // as it was; CopyFS makes it 0666 less the umask
		t.Fatal(err)
	}
	return next
}

var complaint = regexp.MustCompile(`(?m)^.*level=(WARN|ERROR).*$`)

// opened checks that a router has nothing to say of the files that it was given.
func (d *doomed) opened(t *testing.T) {
	t.Helper()
	d.until(t, d.stdout.String, `msg="pairing is on, and with it`)
	for _, line := range complaint.FindAllString(d.stdout.String(), -1) {
		if !strings.Contains(line, "stopped in order") { // what persistence says of every router that was killed
			t.Errorf("it complains: %s", line)
		}
	}
	if info, err := os.Stat(d.devices()); err != nil || info.Mode() != 0o600 {
		t.Errorf("the devices' file: %v, %v", info.Mode(), err)
	}
}

// nothingOpen checks that no secret of the router before is good here, and that as many misses count as did there.
func (d *doomed) nothingOpen(t *testing.T, before *doomed) {
	t.Helper()
	level := func(when string) {
		t.Helper()
		if misses, locked := d.level(t); misses != before.misses || locked != before.locked {
			t.Errorf("%s %d misses count, locked %v; want %d, %v", when, misses, locked, before.misses, before.locked)
		}
	}
	level("at first")
	view := d.asks(t, "GET /pairing", "")
	if knocks, invites := objects(view["knocks"]), objects(view["invites"]); len(knocks)+len(invites) > 0 {
		t.Errorf("open after a start: %v, %v", knocks, invites)
	}
	for _, kind := range []string{"request", "invite"} {
		if n := d.metric(t, `clasp_pairing_codes_open\{kind="`+kind+`"\}`); n != 0 {
			t.Errorf("%v codes are open after a start: %s", n, kind)
		}
	}
	stranger := newPhone("stranger")
	must(t, stranger.hello(d.at, ""))
	defer stranger.hangUp()
	if status, err := stranger.status(); err != nil || status["pin_required"] != false || status["state"] != "waiting" {
		t.Errorf("a stranger is told %v, %v", status, err)
	}
	for _, code := range before.codes {
		want := wire.Code(300)
		if before.locked {
			want = 315
		}
		refused(t, want, newPhone("stranger").hello(d.at, code))
		if !before.locked {
			refused(t, 313, stranger.types(code))
		}
	}
	for _, secret := range before.links {
		if err := newPhone("stranger").redeem(d.at, secret); !goclient.IsCode(err, http.StatusUnauthorized) {
			t.Errorf("a link of before: %v", err)
		}
	}
	for _, request := range before.requests {
		for _, call := range []string{"token", "pin"} {
			status, answer, err := newPhone("stranger").post(d.at, "/pair/"+request[0]+"/"+call, map[string]any{"device_code": request[1], "pin": "847291"})
			if status != http.StatusUnauthorized {
				t.Errorf("a request of before: %d %v, %v", status, answer, err)
			}
		}
	}
	level("after all that was secret was tried")
}

// level is how far PINs of invites are locked.
func (d *doomed) level(t *testing.T) (misses int, locked bool) {
	t.Helper()
	view := d.asks(t, "GET /pairing", "")
	return int(view["misses"].(float64)), view["locked"].(bool)
}

// has checks which devices are listed.
func (d *doomed) has(t *testing.T, names ...string) {
	t.Helper()
	var listed []string
	for _, device := range objects(d.asks(t, "GET /pairing/devices", "")[""]) {
		listed = append(listed, device["name"].(string))
	}
	if got, want := strings.Join(listed, ", "), strings.Join(names, ", "); got != want {
		t.Errorf("devices: %q, want %q", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, code wire.Code, err error) {
	t.Helper()
	if !goclient.IsCode(err, code) {
		t.Errorf("got %v, want a refusal with %d", err, code)
	}
}

// works checks that a token lets a device in, which can write then.
func (d *doomed) works(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		p := newPhone("comes with its token")
		err := p.hello(d.at, token)
		if err == nil {
			err = p.set("/lights/1", 0.5)
		}
		if err != nil {
			t.Errorf("a token that was given: %v", err)
		}
		p.hangUp()
	}
}

// refuses checks that a token lets nobody in.
func (d *doomed) refuses(t *testing.T, code wire.Code, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		p := newPhone("comes with its token")
		refused(t, code, p.hello(d.at, token))
		p.hangUp()
	}
}

// returns has a device come back without a token, and checks whether it is in or waits.
func (d *doomed) returns(t *testing.T, p *phone, in bool) {
	t.Helper()
	must(t, p.hello(d.at, ""))
	defer p.hangUp()
	status, err := p.status()
	must(t, err)
	if got := status["state"] == "active"; got != in {
		t.Errorf("%s is back, and its status is %v", p.name, status)
	}
	if in {
		must(t, p.set("/lights/1", 0.5))
	} else {
		refused(t, 310, p.set("/lights/1", 0.5))
	}
}

// knocks is a device that waits, and the ID of its row.
func (d *doomed) knocks(t *testing.T, name string) (p *phone, id string) {
	t.Helper()
	p = newPhone(name)
	must(t, p.hello(d.at, ""))
	t.Cleanup(p.hangUp)
	return p, d.row(t, name)
}

// requested is a device that waits over HTTP.
func (d *doomed) requested(t *testing.T, name string) (p *phone, id, deviceCode string) {
	t.Helper()
	p = newPhone(name)
	answer, err := p.succeed(d.at, "/pair", http.StatusAccepted, map[string]any{"name": name})
	must(t, err)
	id, deviceCode = answer["pair_id"].(string), answer["device_code"].(string)
	d.requests = append(d.requests, [2]string{id, deviceCode})
	return p, id, deviceCode
}

// row is the ID of the request of a device.
func (d *doomed) row(t *testing.T, name string) (id string) {
	t.Helper()
	within(t, "a row of "+name, func() bool {
		for _, k := range objects(d.asks(t, "GET /pairing", "")["knocks"]) {
			if k["name"] == name {
				id = k["id"].(string)
			}
		}
		return id != ""
	})
	return id
}

func (d *doomed) picks(t *testing.T, id string) (code string) {
	t.Helper()
	code = d.asks(t, "POST /pairing/knocks/"+id+"/pick", "")["code"].(string)
	d.codes = append(d.codes, code)
	return code
}

func (d *doomed) approves(t *testing.T, id, grant string) {
	t.Helper()
	d.asks(t, "POST /pairing/knocks/"+id+"/approve", grant)
}

func (d *doomed) invites(t *testing.T, pin bool) (code, secret string) {
	t.Helper()
	invite := d.asks(t, "POST /pairing/invites", fmt.Sprintf(`{"pin":%v}`, pin))
	code, _ = invite["pin"].(string)
	if code != "" {
		d.codes = append(d.codes, code)
	}
	_, secret, _ = strings.Cut(objects(invite["links"])[0]["url"].(string), "#")
	d.links = append(d.links, secret)
	return code, secret
}

// issued is a device that has used a link, and not its token yet.
func (d *doomed) issued(t *testing.T, name string) *phone {
	t.Helper()
	_, secret := d.invites(t, false)
	p := newPhone(name)
	must(t, p.redeem(d.at, secret))
	return p
}

// paired is a device that has used its token, and is connected.
func (d *doomed) paired(t *testing.T, name string) *phone {
	t.Helper()
	p := d.issued(t, name)
	must(t, p.hello(d.at, p.token))
	t.Cleanup(p.hangUp)
	return p
}

// guesses sends wrong PINs, each from an address of its own, and returns when they are counted. Their answers are held back
// for a second, and may never come.
func (d *doomed) guesses(t *testing.T, right string, n int) (answered func()) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		guess := fmt.Sprintf("%03d7%s", (i+1)*37, right[4:])
		if guess == right {
			guess = "9" + guess[1:]
		}
		all.Go(func() {
			p := newPhone("guesses")
			_ = p.hello(d.at, guess) // refused, or killed meanwhile
			p.hangUp()
		})
	}
	d.misses += n
	for i := d.misses - n + 1; i <= d.misses; i++ {
		d.until(t, d.stdout.String, fmt.Sprintf(`pairing=miss .*detail="invite PIN, %d of 10"`, i))
	}
	d.asked(t, "DELETE /pairing/invites/none", "") // which waits until what was being written is on disk
	return all.Wait
}

// age makes all that a file has of devices older.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: patience})
	must(t, err)
	err = db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte("devices"))
		if bucket == nil {
			return nil // there is none
		}
		older := make(map[string][]byte)
		err := bucket.ForEach(func(key, value []byte) error {
			var row map[string]any
			if err := json.Unmarshal(value[4:], &row); err != nil {
				return err
			}
			for name, x := range row {
				text, _ := x.(string)
				if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
					row[name] = at.Add(-by)
				}
			}
			text, err := json.Marshal(row)
			table := crc32.MakeTable(crc32.Castagnoli)
			sum := crc32.Update(crc32.Checksum(key, table), table, text)
			older[string(key)] = append(binary.BigEndian.AppendUint32(nil, sum), text...)
			return err
		})
		for key, value := range older {
			if err == nil {
				err = bucket.Put([]byte(key), value)
			}
		}
		return err
	})
	must(t, err)
	must(t, db.Close())
}

// TestPairingKilled goes up to an arrow, has the router killed there, and looks at what there is at once and eleven minutes later.
func TestPairingKilled(t *testing.T) {
	for _, arrow := range []struct {
		name    string
		environ []string
		test    func(d *doomed, t *testing.T)
	}{
		{"knock", nil, (*doomed).killedAtKnock},
		{"pick", nil, (*doomed).killedAtPick},
		{"right PIN", nil, (*doomed).killedAtPIN},
		{"right PIN over HTTP", nil, (*doomed).killedAtHTTPPIN},
		{"token fetched", nil, (*doomed).killedAtFetch},
		{"done", nil, (*doomed).killedAtDone},
		{"approved", nil, (*doomed).killedAtApprove},
		{"approved over HTTP", nil, (*doomed).killedAtHTTPApprove},
		{"denied", nil, (*doomed).killedAtDeny},
		{"PIN as token", nil, (*doomed).killedAtWelcome},
		{"right PIN that is not enough", []string{"CLASP_SECURITY_PAIRING_APPROVAL=both"}, (*doomed).killedAtAwait},
		{"link", nil, (*doomed).killedAtLink},
		{"renewed", nil, (*doomed).killedAtRenew},
		{"another token from the operator", nil, (*doomed).killedAtReissue},
		{"revoked", nil, (*doomed).killedAtRevoke},
		{"allowed", nil, (*doomed).killedAtAllow},
		{"changed", nil, (*doomed).killedAtChange},
		{"locked", nil, (*doomed).killedAtLock},
	} {
		t.Run(arrow.name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			d := doom(t, t.TempDir(), arrow.environ...)
			d.opened(t)
			arrow.test(d, t)
		})
	}
}

func (d *doomed) killedAtKnock(t *testing.T) {
	p, _ := d.knocks(t, "pad")
	d.requested(t, "laptop")
	for _, next := range both(d.kill(t)) {
		next.has(t)
		next.returns(t, p, false)
	}
}

// both is for checks that hold at once and later.
func both(now, later *doomed) []*doomed { return []*doomed{now, later} }

func (d *doomed) killedAtPick(t *testing.T) {
	p, id := d.knocks(t, "pad")
	d.picks(t, id)
	_, id, _ = d.requested(t, "laptop")
	d.picks(t, id)
	d.invites(t, true)
	for _, next := range both(d.kill(t)) {
		next.has(t)
		next.returns(t, p, false)
	}
}

// killedAtPIN: the device is one, and has no token. It comes back as it is, or is forgotten.
func (d *doomed) killedAtPIN(t *testing.T) {
	p, id := d.knocks(t, "pad")
	must(t, p.types(d.picks(t, id)))
	now, later := d.kill(t)
	now.has(t, "pad")
	now.returns(t, p, true)
	later.has(t)
	later.returns(t, p, false)
}

func (d *doomed) killedAtHTTPPIN(t *testing.T) {
	p, id, deviceCode := d.requested(t, "laptop")
	answer, err := p.succeed(d.at, "/pair/"+id+"/pin", http.StatusOK, map[string]any{"device_code": deviceCode, "pin": d.picks(t, id)})
	must(t, err)
	d.unconfirmed(t, "laptop", answer["token"].(string))
}

// unconfirmed kills a router that has given a token which nobody has used: it works for a while, and when it has been used, for ever.
func (d *doomed) unconfirmed(t *testing.T, name, token string) {
	t.Helper()
	now, later := d.kill(t)
	now.has(t, name)
	later.has(t)
	later.refuses(t, 300, token)
	now.works(t, token)
	for _, next := range both(now.kill(t)) {
		next.has(t, name)
		next.works(t, token)
	}
}

func (d *doomed) killedAtFetch(t *testing.T) {
	p, id := d.knocks(t, "pad")
	must(t, p.types(d.picks(t, id)))
	must(t, p.fetch())
	d.unconfirmed(t, "pad", p.token)
}

// killedAtDone: the device has said that it has its token, and need not have used it.
func (d *doomed) killedAtDone(t *testing.T) {
	p, id := d.knocks(t, "pad")
	must(t, p.types(d.picks(t, id)))
	must(t, p.fetch())
	must(t, p.done())
	for _, next := range both(d.kill(t)) {
		next.has(t, "pad")
		next.works(t, p.token)
	}
}

// killedAtApprove: A. The client has no place for a token, so its name and address are what it comes back with.
func (d *doomed) killedAtApprove(t *testing.T) {
	p, id := d.knocks(t, "pad")
	d.approves(t, id, `{"name":"FOH","profile":"operator"}`)
	_, _ = d.knocks(t, "other")
	now, later := d.kill(t)
	now.has(t, "FOH")
	now.returns(t, p, true)
	now.returns(t, newPhone("pad"), false) // from another address
	later.has(t)
	later.returns(t, p, false)
}

// killedAtHTTPApprove: the operator has said yes, and the device has not asked since. With the router its device code has gone.
func (d *doomed) killedAtHTTPApprove(t *testing.T) {
	_, id, _ := d.requested(t, "laptop")
	d.approves(t, id, "")
	now, later := d.kill(t)
	now.has(t, "laptop")
	later.has(t)

	// And if it has.
	p, id, deviceCode := now.requested(t, "desk")
	now.approves(t, id, "")
	answer, err := p.succeed(now.at, "/pair/"+id+"/token", http.StatusOK, map[string]any{"device_code": deviceCode})
	must(t, err)
	now, later = now.kill(t)
	now.works(t, answer["token"].(string))
	later.refuses(t, 300, answer["token"].(string))
}

func (d *doomed) killedAtDeny(t *testing.T) {
	p, id := d.knocks(t, "pad")
	d.asks(t, "POST /pairing/knocks/"+id+"/deny", "")
	for _, next := range both(d.kill(t)) {
		next.has(t)
		next.returns(t, p, false)
	}
}

// killedAtWelcome: B. The token is in WELCOME; a client that does not look there has a PIN that is worth nothing.
func (d *doomed) killedAtWelcome(t *testing.T) {
	p := newPhone("phone")
	t.Cleanup(p.hangUp)
	code, _ := d.invites(t, true)
	must(t, p.hello(d.at, code))
	if p.token == "" {
		t.Fatal("no token in WELCOME")
	}
	given := p.token
	must(t, p.fetch())
	if p.token != given {
		t.Error("the token that can be fetched is another one")
	}
	d.unconfirmed(t, "phone", given)

	// And when it has said that it has it.
	d = doom(t, t.TempDir())
	code, _ = d.invites(t, true)
	must(t, p.hello(d.at, code))
	must(t, p.done())
	for _, next := range both(d.kill(t)) {
		next.has(t, "phone")
		next.works(t, p.token)
	}
}

// killedAtAwait: until the operator has agreed too there is no device.
func (d *doomed) killedAtAwait(t *testing.T) {
	p, id := d.knocks(t, "pad")
	must(t, p.types(d.picks(t, id)))
	code, _ := d.invites(t, true)
	phone := newPhone("phone")
	t.Cleanup(phone.hangUp)
	must(t, phone.hello(d.at, code))
	now, later := d.kill(t)
	for _, next := range both(now, later) {
		next.has(t)
		next.returns(t, p, false)
	}
	p, id = now.knocks(t, "desk")
	must(t, p.types(now.picks(t, id)))
	now.approves(t, id, "")
	must(t, p.fetch())
	now.unconfirmed(t, "desk", p.token)
}

func (d *doomed) killedAtLink(t *testing.T) {
	d.unconfirmed(t, "phone", d.issued(t, "phone").token)
}

// killedAtRenew: both tokens are good until the new one is used, and the old one for ten minutes at most.
func (d *doomed) killedAtRenew(t *testing.T) {
	p := d.paired(t, "desk")
	old := p.token
	must(t, p.renew())
	if p.token == old {
		t.Fatal("it is the same token")
	}
	now, later := d.kill(t)
	later.refuses(t, 300, old)
	later.works(t, p.token)
	now.works(t, old, p.token)
	now.refuses(t, 300, old)
	for _, next := range both(now.kill(t)) {
		next.has(t, "desk")
		next.refuses(t, 300, old)
		next.works(t, p.token)
	}
}

func (d *doomed) killedAtReissue(t *testing.T) {
	p := d.paired(t, "desk")
	shown := d.reissued(t, "desk")
	for _, next := range both(d.kill(t)) { // the person who pastes it takes his time
		next.has(t, "desk")
		next.works(t, p.token, shown)
		next.refuses(t, 300, p.token)
	}
}

// killedAtRevoke: thrown out by the operator alone, with others, or by itself.
func (d *doomed) killedAtRevoke(t *testing.T) {
	alone, itself, all, kept := d.paired(t, "alone"), d.paired(t, "itself"), d.paired(t, "all"), d.paired(t, "kept")
	unused := d.issued(t, "unused")
	pad, id := d.knocks(t, "pad")
	d.approves(t, id, "")
	for _, name := range []string{"alone", "unused", "pad"} {
		d.asks(t, "DELETE /pairing/devices/"+name, "")
	}
	_, err := itself.succeed(d.at, "/pair/revoke-self", http.StatusNoContent, nil)
	must(t, err)
	d.asks(t, "POST /pairing/revoke-all", `{"keep":["kept"]}`)
	for _, next := range both(d.kill(t)) {
		next.has(t, "kept")
		next.refuses(t, 317, alone.token, itself.token, all.token, unused.token)
		next.returns(t, pad, false)
		next.works(t, kept.token)
	}
}

// killedAtAllow: D.
func (d *doomed) killedAtAllow(t *testing.T) {
	p := newPhone("mat")
	d.asks(t, "POST /pairing/allow", fmt.Sprintf(`{"name":"mat","from":"%s"}`, p.from))
	for _, next := range both(d.kill(t)) {
		next.has(t, "mat")
		next.returns(t, p, true)
		next.returns(t, newPhone("mat"), false)
	}
}

// killedAtChange: what the operator has changed is on disk when he is told so.
func (d *doomed) killedAtChange(t *testing.T) {
	p := d.paired(t, "desk")
	d.asks(t, "POST /pairing/devices/desk/rename", `{"name":"FOH"}`)
	now, _ := d.kill(t)
	now.has(t, "FOH")
	now.works(t, p.token)
	now.asks(t, "POST /pairing/devices/FOH/profile", `{"profile":"viewer"}`)
	for _, next := range both(now.kill(t)) {
		next.has(t, "FOH")
		must(t, p.hello(next.at, p.token))
		refused(t, 301, p.set("/lights/1", 0.5))
	}
}

// killedAtLock: who can have a router killed has no more guesses for that, even if it dies before it has answered.
func (d *doomed) killedAtLock(t *testing.T) {
	known := d.paired(t, "desk")
	code, _ := d.invites(t, true)
	d.guesses(t, code, 4)()
	now, _ := d.kill(t)
	code, _ = now.invites(t, true)
	answered := now.guesses(t, code, 5)
	now, _ = now.kill(t) // while the answers are held back
	answered()
	code, _ = now.invites(t, true)
	now.guesses(t, code, 1)
	now.locked = true

	now, later := now.kill(t)
	for _, next := range both(now, later) {
		if status, answer := next.asked(t, "POST /pairing/invites", `{"pin":true}`); status != http.StatusConflict {
			t.Errorf("locked, an invite with a PIN: %d %v", status, answer)
		}
		next.works(t, known.token, next.issued(t, "phone").token) // nobody else is locked out
	}
	now.asks(t, "POST /pairing/unlock", "")
	now.misses, now.locked = 0, false
	now, _ = now.kill(t)
	now.invites(t, true)
}
