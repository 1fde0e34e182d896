// What the tests share: a clock and a source of randomness that they hold, and short words
// for what they do most.

package pairing_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// seed makes each Registry's randomness another one.
var seed atomic.Int32

// clock stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// kit is a Registry with all around it.
type kit struct {
	*pairing.Registry
	t     testing.TB
	o     pairing.Options
	clock *clock

	mu     sync.Mutex
	events []pairing.Event
	ended  []string // "device code"
	weak   []string // devices of which only sessions that have shown no secret had to end
}

func options(path string) pairing.Options {
	return pairing.Options{
		Settings: pairing.Settings{Enabled: true, Lobby: true, Grace: 10 * time.Minute},
		Path:     path, RouterID: "router-id", RouterName: "Studio",
	}
}

// start opens a Registry with the settings of most tests, which change may alter.
func start(t testing.TB, change ...func(*pairing.Options)) *kit {
	t.Helper()
	o := options(filepath.Join(t.TempDir(), "devices"))
	for _, f := range change {
		f(&o)
	}
	return open(t, o, &clock{now: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)})
}

func open(t testing.TB, o pairing.Options, c *clock) *kit {
	t.Helper()
	k := &kit{t: t, o: o, clock: c}
	o.Now = c.Now
	if o.Random == nil {
		o.Random = rand.NewChaCha8([32]byte{byte(seed.Add(1))})
	}
	first := o.Audit
	o.Audit = func(e pairing.Event) {
		if first != nil {
			first(e)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.events = append(k.events, e)
	}
	var err error
	if k.Registry, err = pairing.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	k.OnEnd(func(e pairing.Ending) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if e.Weak {
			k.weak = append(k.weak, e.Device)
			return
		}
		k.ended = append(k.ended, fmt.Sprintf("%s %d", e.Device, e.Code))
	})
	return k
}

func (k *kit) close() {
	if err := k.Close(); err != nil {
		k.t.Errorf("close: %v", err)
	}
}

// again closes the Registry and opens its file anew.
func (k *kit) again() *kit {
	k.t.Helper()
	k.close()
	return open(k.t, k.o, k.clock)
}

func (k *kit) wait(d time.Duration) {
	k.clock.mu.Lock()
	k.clock.now = k.clock.now.Add(d)
	k.clock.mu.Unlock()
	k.Tick()
}

func (k *kit) configure(change func(*pairing.Settings)) {
	k.t.Helper()
	change(&k.o.Settings)
	if err := k.Configure(k.o.Settings); err != nil {
		k.t.Fatal(err)
	}
}

// eventually waits for what another goroutine brings.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// said waits until something has been audited, n times in all.
func (k *kit) said(what string, n int) {
	k.t.Helper()
	eventually(k.t, fmt.Sprintf("%d times %s", n, what), func() bool { return k.heard(what) == n })
}

func (k *kit) heard(what string) (n int) {
	k.Audited()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.events {
		if e.What == what {
			n++
		}
	}
	return n
}

// all is what has been audited, and endings what sessions were ended.
func (k *kit) all() []pairing.Event {
	k.Audited()
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.events)
}

func (k *kit) endings() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.ended)
}

func (k *kit) sessionsEnded(what string) {
	k.t.Helper()
	eventually(k.t, "sessions to end with "+what, func() bool {
		return slices.ContainsFunc(k.endings(), func(e string) bool { return strings.HasSuffix(e, what) })
	})
}

// from is a device at an address.
func from(name, addr string) pairing.Origin {
	ip := netip.MustParseAddr(addr)
	source := ip
	if ip.Is6() {
		source = netip.PrefixFrom(ip.WithZone(""), 64).Masked().Addr()
	}
	return pairing.Origin{Name: name, Addr: ip, Source: source, Remote: netip.AddrPortFrom(ip, 5000).String(), Transport: "ws"}
}

// other makes a device of its own address for each number.
func other(n int) pairing.Origin {
	return from(fmt.Sprintf("device %d", n), fmt.Sprintf("10.%d.%d.%d", 1+n>>16, n>>8&255, n&255))
}

// ear counts how often it was told.
type ear struct {
	mu sync.Mutex
	n  int
}

func (e *ear) tell() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
}

func (e *ear) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n
}

// lobby has a session knock.
func (k *kit) lobby(o pairing.Origin) *pairing.Visit {
	k.t.Helper()
	a := k.Hello(o, "", nil)
	if a.Err != nil || a.Visit == nil {
		k.t.Fatalf("%q does not wait: %+v", o.Name, a)
	}
	return a.Visit
}

// picked has a session knock and its row picked, and returns the code.
func (k *kit) picked(o pairing.Origin) (*pairing.Visit, string) {
	k.t.Helper()
	v := k.lobby(o)
	row, err := k.Pick(v.Status().ID, "ann")
	if err != nil {
		k.t.Fatal(err)
	}
	return v, row.Code
}

// state fails the test unless a visit is in a state.
func (k *kit) state(v *pairing.Visit, want pairing.State) {
	k.t.Helper()
	if s := v.Status(); s.State != want {
		k.t.Fatalf("state %q, want %q", s.State, want)
	}
}

// refused fails the test unless a refusal has a code. What it returns is no error to check.
func (k *kit) refused(err *pairing.Error, want pairing.Code) pairing.Error {
	k.t.Helper()
	if err == nil || err.Code != want || err.Message == "" {
		k.t.Fatalf("refusal %+v, want code %d", err, want)
	}
	return *err
}

func (k *kit) ok(err *pairing.Error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatalf("%d %s", err.Code, err.Message)
	}
}

func (k *kit) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// invite opens one with a PIN.
func (k *kit) invite(g pairing.Grant) pairing.Invite {
	k.t.Helper()
	i, err := k.Invite(g, true)
	k.must(err)
	return i
}

// paired makes a device that has its token, and returns both.
func (k *kit) paired(name string, g pairing.Grant) (pairing.Device, string) {
	k.t.Helper()
	i, err := k.Invite(g, false)
	k.must(err)
	token, refusal := k.Redeem(from(name, "10.0.0.9"), i.Secret)
	k.ok(refusal)
	return k.device(token.Device), token.Text
}

// device returns one by ID.
func (k *kit) device(id string) pairing.Device {
	k.t.Helper()
	for _, d := range k.Devices() {
		if d.ID == id {
			return d
		}
	}
	k.t.Fatalf("no device %q", id)
	return pairing.Device{}
}

// wrong returns a code that is not c, another one for each n.
func wrong(c string, n int) string {
	for i := 0; ; i++ {
		text := fmt.Sprintf("%06d", (283746+7919*(n+i))%1000000)
		if text != c {
			return text
		}
	}
}
