// Kills routers at random moments while devices come in by every way there is, are changed and are thrown out, and holds what
// the next router has against all that the devices and the operator were told.

package main_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
)

var (
	pullRounds = flag.Int("pull.rounds", 8, "how often TestPairingPulled kills a router")
	pullSeed   = flag.Uint64("pull.seed", 0, "what TestPairingPulled chooses by; 0 = another one each time")
)

// TestPairingPulled: see pull.compare for what must hold after each start.
func TestPairingPulled(t *testing.T) {
	t.Parallel() // it mostly waits
	seed := *pullSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-pull.rounds %d -pull.seed %d", *pullRounds, seed)
	p := &pull{dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0))}
	for i := range 4 {
		p.crew = append(p.crew, &crew{pull: p, id: i, random: rand.New(rand.NewPCG(seed, uint64(i+1)))})
	}
	for round := range *pullRounds {
		if p.random.IntN(4) == 0 { // one never gets to let anybody in
			s := serve(t, p.environ(), p.args()...)
			time.Sleep(time.Duration(p.random.Int64N(int64(60 * time.Millisecond)))) // any moment will do
			s.signal(t, syscall.SIGKILL)
			<-s.ended
		}
		if !t.Run(fmt.Sprint(round), p.round) {
			t.Fatalf("in round %d of -pull.seed %d", round, seed)
		}
	}
	t.Logf("%d devices were let in, %d thrown out; the plug was pulled while %d came in and %d were thrown out", p.in.Load(), p.out.Load(), p.cut.Load(), p.torn.Load())
	if p.in.Load() == 0 || p.out.Load() == 0 {
		t.Error("nothing has happened")
	}
}

// pull is what the test knows of one folder of files.
type pull struct {
	dir    string
	random *rand.Rand
	crew   []*crew
	killed atomic.Bool // whatever fails from now on may

	// The router of this round.
	at, socket string
	steps      atomic.Int64  // that the crew still takes before the plug is pulled
	now        chan struct{} // closed then

	in, out, cut, torn atomic.Int64
}

func (p *pull) environ() []string {
	return []string{"CLASP_SECURITY_PAIRING_MAX_PINS=4"} // one for each of the crew
}

func (p *pull) args() []string {
	return []string{"--bind", "127.0.0.1", "--port", "0", "--pairing", "--log-level", "debug", "--persist", "--persist-path", p.dir + "/state.db", "--metrics", "--metrics-port", "0"}
}

// crew is somebody who lets devices in, each by itself and one at a time, and knows all of them.
type crew struct {
	pull   *pull
	id     int
	random *rand.Rand
	names  int
	known  []*admitted
	err    error
}

// admitted is a device, as far as anybody was told.
type admitted struct {
	*phone // its token is the latest that it was given
	names  []string
	used   string // the token before, good as long as the latest is not used; "" = none
	is     bool   // somebody was told that it is a device
	leaves bool   // it is being thrown out
	gone   bool   // and that was acknowledged
	writes []bool // whether its profile lets it write, or the one that it is being given
	weak   bool   // it has no token
}

// round starts a router, compares, has the crew work and pulls the plug.
func (p *pull) round(t *testing.T) {
	s := serve(t, p.environ(), p.args()...)
	d := &doomed{service: s, dir: p.dir, at: s.address(t)}
	d.opened(t)
	p.at, p.socket = d.at, s.socket(t)
	p.compare(t, d)

	p.killed.Store(false)
	p.steps.Store(1 + p.random.Int64N(200))
	p.now = make(chan struct{})
	crew := p.crew
	if one := p.random.IntN(2 * len(crew)); one < len(crew) { // alone: nobody else's writes bring along what its own did not
		crew = crew[one : one+1]
	}
	var all sync.WaitGroup
	for _, c := range crew {
		all.Go(c.work)
	}
	select {
	case <-p.now:
	case <-time.After(patience):
		t.Error("the crew gets nowhere")
	}
	time.Sleep(time.Duration(p.random.Int64N(int64(5 * time.Millisecond)))) // any moment of the step will do, and of what others do
	p.killed.Store(true)
	if p.random.IntN(8) == 0 {
		s.signal(t, syscall.SIGTERM)
		if code := s.exit(t); code != 0 {
			t.Errorf("told to stop, it ends with exit code %d", code)
		}
	} else {
		s.signal(t, syscall.SIGKILL)
		<-s.ended
	}
	all.Wait() // with every answer that was on its way
	for _, c := range p.crew {
		if c.err != nil {
			t.Errorf("crew %d: %v", c.id, c.err)
		}
		c.err = nil
	}
	checkFile(t, d.devices())
}

// compare holds what a router has against what the one before it told:
//   - nothing is open, and nobody is listed who was not being let in;
//   - a device that was told of is listed and let in, by a token or by its name, under the name and with the rights that it had
//     last, or was being given;
//   - one that was thrown out is not, and is told so; one that was being thrown out is or is not;
//   - one that was being let in is there, or is not.
func (p *pull) compare(t *testing.T, d *doomed) {
	d.nothingOpen(t, &doomed{})
	listed := make(map[string]bool)
	for _, device := range objects(d.asks(t, "GET /pairing/devices", "")[""]) {
		listed[device["name"].(string)] = true
	}
	for _, c := range p.crew {
		kept := c.known[:0]
		for _, a := range c.known {
			var name string
			for _, one := range a.names {
				if listed[one] {
					name = one
				}
				delete(listed, one)
			}
			switch {
			case a.is && !a.leaves && name == "":
				t.Errorf("%q is gone", a.names)
			case a.gone && name != "":
				t.Errorf("%s was thrown out, and is back", name)
			case !a.is && name != "":
				p.cut.Add(1)
			case a.leaves && !a.gone:
				p.torn.Add(1)
			}
			if a.is {
				p.come(t, a, name != "")
			}
			switch {
			case name == "":
			case !a.is: // nobody can use it
				d.asks(t, "DELETE /pairing/devices/"+url.PathEscape(name), "")
			default:
				a.names, a.leaves = []string{name}, false
				kept = append(kept, a)
			}
		}
		c.known = kept
	}
	for name := range listed {
		t.Errorf("%q is a device, and nobody has let it in", name)
	}
	if t.Failed() {
		t.FailNow() // before anything is done to the file that shows it
	}
}

// come has a device come as it would.
func (p *pull) come(t *testing.T, a *admitted, in bool) {
	t.Helper()
	defer a.hangUp()
	if a.weak {
		if err := a.hello(p.at, ""); err != nil {
			t.Errorf("%q: %v", a.names, err)
			return
		}
		if status, err := a.status(); err != nil || (status["state"] == "active") != in {
			t.Errorf("%q is back, and its status is %v, %v; a device: %v", a.names, status, err, in)
		}
		if !in {
			return
		}
	} else {
		tokens := []string{a.token}
		if a.used != "" {
			tokens = []string{a.used, a.token}
		}
		for _, token := range tokens {
			err := a.hello(p.at, token)
			switch {
			case in && err != nil:
				t.Errorf("%q: %v", a.names, err)
				return
			case !in && !goclient.IsCode(err, 317):
				t.Errorf("%q was thrown out, and is told %v", a.names, err)
			}
		}
		a.used = ""
		if !in {
			return
		}
	}
	err := a.set("/lights/1", 0.5)
	if err != nil && !goclient.IsCode(err, 301) {
		t.Errorf("%q: %v", a.names, err)
	}
	writes := false
	for _, may := range a.writes {
		writes = writes || may == (err == nil)
	}
	if !writes {
		t.Errorf("%q may write: %v; want %v", a.names, err == nil, a.writes)
	}
	a.writes = []bool{err == nil}
}

// work lets devices in until the router dies.
func (c *crew) work() {
	ways := []func(*admitted) error{c.byLink, c.byPIN, c.byCode, c.byWord, c.byHTTP, c.byNothing}
	for !c.pull.killed.Load() {
		var err error
		in := c.in()
		if n := len(in); n > 40 || n > 0 && c.random.IntN(3) == 0 { // a router takes a thousand
			err = c.change(in[c.random.IntN(n)])
		} else {
			c.names++
			name := fmt.Sprintf("crew %d no. %d", c.id, c.names)
			a := &admitted{phone: newPhone(name), names: []string{name}, writes: []bool{true}}
			c.known = append(c.known, a)
			err = ways[c.random.IntN(len(ways))](a)
			if err == nil && a.is {
				c.pull.in.Add(1)
			}
			a.hangUp()
		}
		if err != nil {
			if !c.pull.killed.Load() {
				c.err = err
			}
			return
		}
	}
}

// in are those that can be changed.
func (c *crew) in() (in []*admitted) {
	for _, a := range c.known {
		if a.is && !a.gone {
			in = append(in, a)
		}
	}
	return in
}

// step is called before all that could change something.
func (p *pull) step() {
	if p.steps.Add(-1) == 0 {
		close(p.now)
	}
}

// operator makes a call that must succeed.
func (c *crew) operator(route, body string) (map[string]any, error) {
	c.pull.step()
	status, answer, err := adminCall(c.pull.socket, route, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %v", route, body, status, answer)
	}
	return answer, err
}

// waits has a device wait, and returns the route of its row.
func (c *crew) waits(a *admitted) (row string, err error) {
	if err := a.hello(c.pull.at, ""); err != nil {
		return "", err
	}
	for deadline := time.Now().Add(patience); ; {
		view, err := c.operator("GET /pairing", "")
		if err != nil {
			return "", err
		}
		for _, k := range objects(view["knocks"]) {
			if k["name"] == a.name {
				return "POST /pairing/knocks/" + k["id"].(string), nil
			}
		}
		if time.Now().After(deadline) {
			return "", errors.New("nobody sees that it waits")
		}
	}
}

func (c *crew) invite(pin bool) (code, secret string, err error) {
	invite, err := c.operator("POST /pairing/invites", fmt.Sprintf(`{"pin":%v}`, pin))
	if err != nil {
		return "", "", err
	}
	code, _ = invite["pin"].(string)
	_, secret, _ = strings.Cut(objects(invite["links"])[0]["url"].(string), "#")
	return code, secret, nil
}

func (c *crew) byLink(a *admitted) error {
	_, secret, err := c.invite(false)
	if err == nil {
		c.pull.step()
		err = a.redeem(c.pull.at, secret)
	}
	a.is = err == nil
	return err
}

func (c *crew) byPIN(a *admitted) error {
	code, _, err := c.invite(true)
	if err == nil {
		c.pull.step()
		err = a.hello(c.pull.at, code)
	}
	a.is = err == nil
	return err
}

func (c *crew) byCode(a *admitted) error {
	row, err := c.waits(a)
	if err != nil {
		return err
	}
	picked, err := c.operator(row+"/pick", "")
	if err != nil {
		return err
	}
	c.pull.step()
	if err = a.types(picked["code"].(string)); err != nil {
		return err
	}
	a.is, a.weak = true, true // as long as it has not fetched its token
	if c.random.IntN(4) == 0 {
		return nil
	}
	if err = a.fetch(); err != nil {
		return err
	}
	a.weak = false
	c.pull.step()
	return a.done()
}

func (c *crew) byWord(a *admitted) error {
	row, err := c.waits(a)
	if err == nil {
		_, err = c.operator(row+"/approve", "")
	}
	a.is, a.weak = err == nil, true
	return err
}

func (c *crew) byHTTP(a *admitted) error {
	asked, err := a.succeed(c.pull.at, "/pair", http.StatusAccepted, map[string]any{"name": a.name})
	if err != nil {
		return err
	}
	call := "/pair/" + asked["pair_id"].(string)
	if _, err = c.operator("POST "+strings.Replace(call, "/pair/", "/pairing/knocks/", 1)+"/approve", ""); err != nil {
		return err
	}
	answer, err := a.succeed(c.pull.at, call+"/token", http.StatusOK, map[string]any{"device_code": asked["device_code"]})
	if err == nil {
		a.is, a.token = true, answer["token"].(string)
	}
	return err
}

// byNothing waits, and is let wait: it must be no device.
func (c *crew) byNothing(a *admitted) error {
	c.known = c.known[:len(c.known)-1]
	row, err := c.waits(a)
	if err == nil && c.random.IntN(2) == 0 {
		_, err = c.operator(row+"/deny", "")
	}
	return err
}

// change does something with a device.
func (c *crew) change(a *admitted) error {
	device := "/pairing/devices/" + url.PathEscape(a.names[0])
	switch c.random.IntN(5) {
	case 0: // thrown out
		a.leaves = true
		_, err := c.operator("DELETE "+device, "")
		if err == nil {
			a.gone = true
			c.pull.out.Add(1)
		}
		return err
	case 1: // called something else
		c.names++
		name := fmt.Sprintf("crew %d no. %d", c.id, c.names)
		a.names = append(a.names, name)
		_, err := c.operator("POST "+device+"/rename", fmt.Sprintf(`{"name":%q}`, name))
		if err == nil {
			a.names = []string{name}
		}
		return err
	case 2: // given other rights
		profile, writes := "viewer", false
		if c.random.IntN(2) == 0 {
			profile, writes = "operator", true
		}
		a.writes = append(a.writes, writes)
		_, err := c.operator("POST "+device+"/profile", fmt.Sprintf(`{"profile":%q}`, profile))
		if err == nil {
			a.writes = []bool{writes}
		}
		return err
	case 3: // given another token, of which the one before last is worth nothing
		if a.weak {
			return nil // without its own token it would be known by another thing from now on
		}
		if a.used != "" {
			a.token, a.used = a.used, ""
		}
		answer, err := c.operator("POST "+device+"/token", "")
		if err == nil {
			a.token, a.used = answer["token"].(string), a.token
		}
		return err
	default: // it comes in
		if a.weak {
			return nil
		}
		a.used = "" // perhaps not, but the latest is good whatever happens
		defer a.hangUp()
		return a.hello(c.pull.at, a.token)
	}
}
