// Networks of the tests: namespaces joined by virtual cables, routers in them, and an observer who speaks multicast DNS by
// the book and knows nothing of our package.

package discovery_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// patience is how long anything may take before a test gives it up.
const patience = 30 * time.Second

var namespaces atomic.Int64

// namespace is a machine of its own as far as networks go.
type namespace struct{ name string }

func newNamespace(t *testing.T) namespace {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("%s: skipped: it needs root to make network namespaces", t.Name())
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("%s: skipped: it needs the program ip (iproute2) to make network namespaces", t.Name())
	}
	ns := namespace{fmt.Sprintf("clasp-%d-%d", os.Getpid(), namespaces.Add(1))}
	if out, err := exec.Command("ip", "netns", "add", ns.name).CombinedOutput(); err != nil {
		t.Skipf("%s: skipped: network namespaces are not permitted here: %s", t.Name(), out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", ns.name).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	})
	ns.ip(t, "link set lo up")
	return ns
}

// ip runs the program ip in the namespace.
func (ns namespace) ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", ns.name}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %s", args, out)
	}
}

// card gives the namespace a card with an address ("10.1.0.1/24", or "" for none) on a switch.
func (ns namespace) card(t *testing.T, name string, on lan, address string) {
	t.Helper()
	port := fmt.Sprintf("p%d", namespaces.Add(1))
	on.ip(t, fmt.Sprintf("link add %s type veth peer name %s netns %s", port, name, ns.name))
	on.ip(t, fmt.Sprintf("link set %s master %s up", port, on.bridge))
	if address != "" {
		ns.ip(t, fmt.Sprintf("addr add %s broadcast + dev %s", address, name))
	}
	ns.ip(t, fmt.Sprintf("link set %s up", name))
}

// within runs f with sockets made in the namespace, which stay there.
func (ns namespace) within(t *testing.T, f func() error) {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		fd, err := unix.Open(filepath.Join("/run/netns", ns.name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

// lan is a switch.
type lan struct {
	namespace
	bridge string
}

func newLAN(t *testing.T) lan {
	t.Helper()
	l := lan{newNamespace(t), "br0"}
	l.ip(t, "link add br0 type bridge mcast_snooping 0 forward_delay 0")
	l.ip(t, "link set br0 up")
	return l
}

// actor is this program at work in a namespace.
type actor struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

func (ns namespace) start(t *testing.T, r role) *actor {
	t.Helper()
	options, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{cmd: exec.Command("ip", "netns", "exec", ns.name, program), ended: make(chan struct{})}
	a.cmd.Env = append(os.Environ(), actorVariable+"="+string(options), "GORACE=atexit_sleep_ms=0")
	a.cmd.Stdout, a.cmd.Stderr = &a.stdout, &a.stderr
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = a.cmd.Wait() // its exit code is looked at where it matters
		close(a.ended)
	}()
	t.Cleanup(func() {
		a.end(t, syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%v in %s:\n%s%s", r.Info.Name, ns.name, &a.stdout, &a.stderr)
		}
	})
	return a
}

// end sends a signal and waits for the end.
func (a *actor) end(t *testing.T, sig os.Signal) {
	t.Helper()
	_ = a.cmd.Process.Signal(sig) // it may have ended already
	select {
	case <-a.ended:
	case <-time.After(patience):
		t.Fatalf("still running after %v", sig)
	}
}

// found waits for the end of a search, and returns the addresses of every router by its name.
func (a *actor) found(t *testing.T) map[string][]string {
	t.Helper()
	select {
	case <-a.ended:
	case <-time.After(patience):
		t.Fatal("still searching")
	}
	var found []discovery.Found
	if err := json.Unmarshal([]byte(a.stdout.String()), &found); err != nil {
		t.Fatalf("%v in %q, %s", err, &a.stdout, &a.stderr)
	}
	got := map[string][]string{}
	for _, f := range found {
		if got[f.Name] != nil {
			t.Errorf("found %q twice", f.Name)
		}
		for _, address := range f.Addresses {
			got[f.Name] = append(got[f.Name], address.String())
		}
		slices.Sort(got[f.Name])
	}
	return got
}

// logs waits until the log has had a message n times.
func (a *actor) logs(t *testing.T, text string, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); strings.Count(a.stderr.String(), text) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not logged %d times: %q", n, text)
		}
	}
}

// output is written by one goroutine and read by another.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var mdnsGroup = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}

// observer hears everything on one link.
type observer struct {
	conn  *ipv4.PacketConn
	heard []heard // answers, oldest first
}

// heard is one answer.
type heard struct {
	at        time.Time
	from      netip.Addr
	message   dnsmessage.Message
	instances map[string]instance // by label
	goodbyes  []string            // labels
	addresses []string            // of all hosts
	others    []dnsmessage.Type   // types nobody should send us
}

type instance struct {
	host string
	port int
	txt  []string
}

// observe listens on a card.
func (ns namespace) observe(t *testing.T, card string) *observer {
	t.Helper()
	o := &observer{}
	ns.within(t, func() error {
		link, err := net.InterfaceByName(card)
		if err != nil {
			return err
		}
		c, err := net.ListenUDP("udp4", mdnsGroup)
		if err != nil {
			return err
		}
		o.conn = ipv4.NewPacketConn(c)
		return errors.Join(o.conn.JoinGroup(link, mdnsGroup), o.conn.SetMulticastInterface(link), o.conn.SetMulticastTTL(255))
	})
	t.Cleanup(func() { _ = o.conn.Close() })
	return o
}

func question(name string, kind dnsmessage.Type) dnsmessage.Question {
	return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}
}

var whoIsThere = question("_clasp._tcp.local.", dnsmessage.TypePTR)

// ask sends questions.
func (o *observer) ask(t *testing.T, questions ...dnsmessage.Question) {
	t.Helper()
	m := dnsmessage.Message{Questions: questions}
	o.send(t, m)
}

func (o *observer) send(t *testing.T, m dnsmessage.Message) {
	t.Helper()
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.conn.WriteTo(packet, nil, mdnsGroup); err != nil {
		t.Fatal(err)
	}
}

// listen takes in what comes until a moment, or until f returns true.
func (o *observer) listen(t *testing.T, until time.Time, f func(heard) bool) bool {
	t.Helper()
	buf := make([]byte, 9000)
	for {
		_ = o.conn.SetReadDeadline(until)
		n, _, remote, err := o.conn.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(buf[:n]); err != nil {
			t.Fatalf("what %v says cannot be read: %v", remote, err)
		}
		if !m.Response {
			continue
		}
		h := understand(t, m)
		h.from = remote.(*net.UDPAddr).AddrPort().Addr().Unmap()
		o.heard = append(o.heard, h)
		if f(h) {
			return true
		}
	}
}

// until asks who is there again and again until an answer is as it should be.
func (o *observer) until(t *testing.T, what string, f func(heard) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		o.ask(t, whoIsThere)
		if o.listen(t, time.Now().Add(700*time.Millisecond), f) {
			return
		}
	}
	for _, h := range o.heard {
		t.Logf("heard from %v: %v, goodbye to %q, addresses %v", h.from, h.instances, h.goodbyes, h.addresses)
	}
	t.Fatalf("never heard: %s", what)
}

// understand reads an answer, and holds it against RFC 6762.
func understand(t *testing.T, m dnsmessage.Message) heard {
	t.Helper()
	const flush = 1 << 15
	h := heard{at: time.Now(), message: m, instances: map[string]instance{}}
	if !m.Authoritative || m.ID != 0 || len(m.Questions) > 0 {
		t.Errorf("header %+v with %d questions (RFC 6762 section 18)", m.Header, len(m.Questions))
	}
	label := func(name dnsmessage.Name) string { return strings.TrimSuffix(name.String(), "._clasp._tcp.local.") }
	for _, r := range slices.Concat(m.Answers, m.Additionals) {
		unique := r.Header.Class&flush != 0
		if r.Header.Class&^flush != dnsmessage.ClassINET {
			t.Errorf("class %v of %v", r.Header.Class, r.Header.Name)
		}
		switch body := r.Body.(type) {
		case *dnsmessage.PTRResource:
			if unique {
				t.Errorf("the shared record %v is said to be unique (RFC 6762 section 10.2)", r.Header.Name)
			}
			switch {
			case r.Header.Name.String() == "_services._dns-sd._udp.local.":
			case r.Header.TTL == 0:
				h.goodbyes = append(h.goodbyes, label(body.PTR))
			default:
				h.addInstance(label(body.PTR), func(*instance) {})
			}
			continue
		case *dnsmessage.SRVResource:
			if r.Header.TTL > 0 {
				h.addInstance(label(r.Header.Name), func(i *instance) { i.host, i.port = body.Target.String(), int(body.Port) })
			}
		case *dnsmessage.TXTResource:
			if r.Header.TTL > 0 {
				h.addInstance(label(r.Header.Name), func(i *instance) { i.txt = body.TXT })
			}
		case *dnsmessage.AResource:
			if r.Header.TTL > 0 {
				h.addresses = append(h.addresses, netip.AddrFrom4(body.A).String())
			}
		case *dnsmessage.UnknownResource:
			if body.Type != 47 { // NSEC
				h.others = append(h.others, body.Type)
			}
		default:
			h.others = append(h.others, r.Header.Type)
		}
		if !unique {
			t.Errorf("the record %v of type %v is not said to be unique (RFC 6762 section 10.2)", r.Header.Name, r.Header.Type)
		}
	}
	return h
}

func (h *heard) addInstance(label string, set func(*instance)) {
	i := h.instances[label]
	set(&i)
	h.instances[label] = i
}

// says reports whether an answer is one router's, with exactly these addresses.
func (h heard) says(name string, addresses ...string) bool {
	return h.instances[name].port != 0 && slices.Equal(h.addresses, addresses)
}

// spare is a router with another ID, for those tests that need more than one.
func spare(n int) discovery.Info {
	i := studio
	i.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	return i
}
