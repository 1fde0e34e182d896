// Multicast DNS in networks of several machines: what an independent observer hears of a router there as networks and the
// router come and go.

package discovery_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// studioLAN is a router with one card on one LAN, and an observer there.
func studioLAN(t *testing.T) (l lan, router namespace, o *observer) {
	t.Helper()
	l, router = newLAN(t), newNamespace(t)
	router.card(t, "eth0", l, "10.1.0.1/24")
	l.ip(t, "addr add 10.1.0.2/24 dev br0")
	return l, router, l.observe(t, "br0")
}

// TestTwoLANs holds that each LAN hears that one's address, and no other.
func TestTwoLANs(t *testing.T) {
	t.Parallel()
	router := newNamespace(t)
	var observers []*observer
	for n := range 2 {
		l := newLAN(t)
		router.card(t, fmt.Sprintf("eth%d", n), l, fmt.Sprintf("10.%d.0.1/24", n+1))
		l.ip(t, fmt.Sprintf("addr add 10.%d.0.2/24 dev br0", n+1))
		observers = append(observers, l.observe(t, "br0"))
	}
	router.start(t, role{Info: studio})
	for range 3 {
		for n, o := range observers {
			o.until(t, "the router's address on this LAN", func(h heard) bool { return h.says("Studio", fmt.Sprintf("10.%d.0.1", n+1)) })
		}
	}
	for range 10 { // what each has been sent before, in answer to both
		for _, o := range observers {
			o.listen(t, time.Now().Add(150*time.Millisecond), func(heard) bool { return false })
		}
	}
	observers[0].until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	if observers[1].listen(t, time.Now().Add(1500*time.Millisecond), func(heard) bool { return true }) {
		t.Error("a question on one LAN is answered on the other")
	}
	for n, o := range observers {
		for _, h := range o.heard {
			if own := fmt.Sprintf("10.%d.0.1", n+1); h.from.String() != own || !slices.Equal(h.addresses, []string{own}) || len(h.others) > 0 {
				t.Errorf("on LAN %d, %v says addresses %v and %v", n+1, h.from, h.addresses, h.others)
			}
			if len(h.instances) != 1 || len(h.goodbyes) != 0 {
				t.Errorf("on LAN %d: %+v, goodbye to %q", n+1, h.instances, h.goodbyes)
			}
		}
	}
}

// TestOneLANTwice is a router with two cards in one network: it must not take itself for another.
func TestOneLANTwice(t *testing.T) {
	t.Parallel()
	l, router, o := studioLAN(t)
	router.card(t, "eth1", l, "10.1.0.3/24")
	a := router.start(t, role{Info: studio})
	a.logs(t, "announced by multicast DNS", 2)
	o.until(t, "one card", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	o.until(t, "the other card", func(h heard) bool { return h.says("Studio", "10.1.0.3") })
	o.listen(t, time.Now().Add(2*time.Second), func(heard) bool { return false }) // time for a third announcement
	for _, h := range o.heard {
		if h.instances["Studio (2)"].port != 0 {
			t.Fatal("the router has given way to itself")
		}
	}
	if n := strings.Count(a.stderr.String(), "announced by multicast DNS"); n != 2 {
		t.Errorf("announced %d times: the router has doubted itself", n)
	}
}

// TestAddressChange gives the card another address.
func TestAddressChange(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	router.start(t, role{Info: studio})
	o.until(t, "the first address", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	router.ip(t, "addr add 10.1.0.9/24 dev eth0")
	o.until(t, "both addresses", func(h heard) bool { return h.says("Studio", "10.1.0.1", "10.1.0.9") })
	router.ip(t, "addr flush dev eth0")
	router.ip(t, "addr add 10.1.0.7/24 dev eth0")
	o.until(t, "the last address", func(h heard) bool { return h.says("Studio", "10.1.0.7") })
	changed := len(o.heard)
	for range 3 {
		o.until(t, "the last address again", func(h heard) bool { return h.says("Studio", "10.1.0.7") })
	}
	for _, h := range o.heard[changed:] {
		if !slices.Equal(h.addresses, []string{"10.1.0.7"}) {
			t.Errorf("an old address came back: %v", h.addresses)
		}
	}
}

// TestAddressChangesWhileAsked gives one of two cards in one network other addresses while somebody asks. Until the router sees that,
// it says the old one, and hears it on both cards: it must not take itself for a copy.
func TestAddressChangesWhileAsked(t *testing.T) {
	t.Parallel()
	l, router, o := studioLAN(t)
	router.card(t, "eth1", l, "10.1.0.3/24")
	a := router.start(t, role{Info: studio, Slow: true})
	a.logs(t, "announced by multicast DNS", 2)
	for n := range 4 {
		address := fmt.Sprintf("10.1.0.%d", 11+n)
		router.ip(t, "addr flush dev eth0")
		router.ip(t, "addr add "+address+"/24 broadcast + dev eth0")
		o.until(t, address, func(h heard) bool { return h.says("Studio", address) })
		a.logs(t, "announced by multicast DNS", 3+n)
	}
	for range 2 {
		o.until(t, "the other card", func(h heard) bool { return h.says("Studio", "10.1.0.3") })
	}
	if n := strings.Count(a.stderr.String(), "announced by multicast DNS"); n != 6 {
		t.Errorf("announced %d times, want 6: the router has doubted itself", n)
	}
}

// TestLateCard starts with no network at all.
func TestLateCard(t *testing.T) {
	t.Parallel()
	router := newNamespace(t)
	a := router.start(t, role{Info: studio})
	a.logs(t, "there is no network interface", 1)
	for n := range 2 {
		l := newLAN(t)
		l.ip(t, fmt.Sprintf("addr add 10.%d.0.2/24 dev br0", n+1))
		o := l.observe(t, "br0")
		router.card(t, fmt.Sprintf("eth%d", n), l, fmt.Sprintf("10.%d.0.1/24", n+1))
		o.until(t, "the late card", func(h heard) bool { return h.says("Studio", fmt.Sprintf("10.%d.0.1", n+1)) })
	}
	a.logs(t, "announces this router again", 1)
	if warnings := strings.Count(a.stderr.String(), "WARN"); warnings != 1 {
		t.Errorf("%d warnings, want 1", warnings)
	}
}

func TestGoodbye(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	a := router.start(t, role{Info: studio})
	o.until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	a.end(t, syscall.SIGTERM)
	if !a.cmd.ProcessState.Success() {
		t.Errorf("ended with %v", a.cmd.ProcessState)
	}
	if !o.listen(t, time.Now().Add(patience), func(h heard) bool { return slices.Contains(h.goodbyes, "Studio") }) {
		t.Fatal("no goodbye")
	}
	o.ask(t, whoIsThere)
	if o.listen(t, time.Now().Add(2*time.Second), func(h heard) bool { return len(h.instances) > 0 }) {
		t.Error("somebody answers after the goodbye")
	}
}

// TestKillAndRestart leaves the name without a goodbye, and has to have it again at once.
func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	a := router.start(t, role{Info: studio})
	o.until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	a.end(t, syscall.SIGKILL)
	o.listen(t, time.Now().Add(100*time.Millisecond), func(heard) bool { return false }) // what was said before
	killed := len(o.heard)
	router.start(t, role{Info: studio})
	o.until(t, "the router again", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	for _, h := range o.heard {
		if len(h.goodbyes) > 0 || h.instances["Studio (2)"].port != 0 {
			t.Errorf("said %+v, goodbye to %q", h.instances, h.goodbyes)
		}
	}
	if again := o.heard[killed:]; len(again) == 0 || !again[0].says("Studio", "10.1.0.1") {
		t.Errorf("heard of the second life: %+v", again)
	}
}

// TestPortTaken has another program that does not share port 5353.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	var squatter net.PacketConn
	router.within(t, func() (err error) {
		squatter, err = net.ListenPacket("udp4", "0.0.0.0:5353")
		return err
	})
	defer squatter.Close()
	a := router.start(t, role{Info: studio})
	a.logs(t, "multicast DNS cannot announce this router", 1)
	if err := squatter.Close(); err != nil {
		t.Fatal(err)
	}
	o.until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	a.logs(t, "announces this router again", 1)
	if warnings := strings.Count(a.stderr.String(), "WARN"); warnings != 1 {
		t.Errorf("%d warnings, want 1:\n%s", warnings, &a.stderr)
	}
}
