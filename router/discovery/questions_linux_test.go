// What a router on the network is asked, and how often, and what it answers.

package discovery_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"golang.org/x/net/dns/dnsmessage"
)

// TestRecords holds what is said word for word.
func TestRecords(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	all := studio
	all.Secure, all.Auth, all.QUIC, all.UDP, all.TCP = true, discovery.AuthPair, 7330, 7331, 7332
	router.start(t, role{Info: all})
	var said heard
	o.until(t, "the router", func(h heard) bool { said = h; return h.says("Studio", "10.1.0.1") })
	i := said.instances["Studio"]
	want := []string{
		"version=1", "name=Studio", "features=psetg", "ws=7330", "secure=true", "path=/clasp", "id=" + studio.ID, "auth=pair",
		"quic=7330", "udp=7331", "tcp=7332",
	}
	if i.port != 7330 || !slices.Equal(i.txt, want) || len(said.others) > 0 || len(said.instances) != 1 {
		t.Errorf("said %+v and %v", said.instances, said.others)
	}
	for _, r := range said.message.Answers {
		if r.Header.TTL != 120 {
			t.Errorf("%v of type %v is good for %d s", r.Header.Name, r.Header.Type, r.Header.TTL)
		}
	}
	// Each of its names can be asked for, in any case.
	for _, q := range []dnsmessage.Question{
		question("studio._CLASP._tcp.local.", dnsmessage.TypeSRV),
		question("Studio._clasp._tcp.local.", dnsmessage.TypeTXT),
		question("_clasp._tcp.local.", dnsmessage.TypeALL),
		question("_services._dns-sd._udp.local.", dnsmessage.TypePTR),
		question(i.host, dnsmessage.TypeA),
		question(strings.ToUpper(i.host), dnsmessage.TypeAAAA), // NSEC says that there is none
	} {
		asked := time.Now()
		o.ask(t, q)
		if !o.listen(t, asked.Add(patience), func(h heard) bool { return h.says("Studio", "10.1.0.1") }) {
			t.Errorf("no answer to %v", q)
		}
	}
}

// TestSimpleResolver asks from a port of its own, and gets an answer of its own (RFC 6762 section 6.7).
func TestSimpleResolver(t *testing.T) {
	t.Parallel()
	l, router, o := studioLAN(t)
	l.ip(t, "addr add 10.99.0.5/32 dev br0")
	router.ip(t, "route add 10.99.0.5/32 dev eth0")
	router.start(t, role{Info: studio})
	o.until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	var conn, distant net.PacketConn
	l.within(t, func() (err error) {
		if conn, err = net.ListenPacket("udp4", "10.1.0.2:0"); err != nil {
			return err
		}
		distant, err = net.ListenPacket("udp4", "10.99.0.5:0")
		return err
	})
	defer conn.Close()
	defer distant.Close()
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: 4711}, Questions: []dnsmessage.Question{whoIsThere}}
	packet, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WriteTo(packet, mdnsGroup); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 9000)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	if m.ID != 4711 || !slices.Equal(m.Questions, query.Questions) || len(m.Answers) == 0 {
		t.Errorf("answered %+v", m)
	}
	for _, r := range m.Answers {
		if r.Header.TTL > 10 || r.Header.Class != dnsmessage.ClassINET {
			t.Errorf("%v of type %v: class %v, good for %d s", r.Header.Name, r.Header.Type, r.Header.Class, r.Header.TTL)
		}
	}
	// Who is not on this link is not answered (RFC 6762 section 11).
	if _, err := distant.WriteTo(packet, &net.UDPAddr{IP: net.IPv4(10, 1, 0, 1), Port: 5353}); err != nil {
		t.Fatal(err)
	}
	_ = distant.SetReadDeadline(time.Now().Add(time.Second))
	if n, from, err := distant.ReadFrom(buf); err == nil {
		t.Errorf("a host that is not on the network was answered with %d bytes from %v", n, from)
	}
}

// TestKnownAnswer holds that one who knows is not told again (RFC 6762 section 7.1).
func TestKnownAnswer(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	router.start(t, role{Info: studio}).logs(t, "announced by multicast DNS", 1)
	announcements := 0
	o.listen(t, time.Now().Add(patience), func(heard) bool { announcements++; return announcements == 2 })
	known := dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: whoIsThere.Name, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET, TTL: 100},
		Body:   &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("Studio._clasp._tcp.local.")},
	}
	o.send(t, dnsmessage.Message{Questions: []dnsmessage.Question{whoIsThere}, Answers: []dnsmessage.Resource{known}})
	if o.listen(t, time.Now().Add(1500*time.Millisecond), func(heard) bool { return true }) {
		t.Error("told again")
	}
	known.Header.TTL = 10 // it will soon be forgotten
	o.send(t, dnsmessage.Message{Questions: []dnsmessage.Question{whoIsThere}, Answers: []dnsmessage.Resource{known}})
	if !o.listen(t, time.Now().Add(patience), func(h heard) bool { return h.says("Studio", "10.1.0.1") }) {
		t.Error("not told")
	}
}

// TestFlood asks thousands of questions with garbage between them: the answers stay at one a second, and the router is
// there afterwards and ends in order.
func TestFlood(t *testing.T) {
	t.Parallel()
	_, router, o := studioLAN(t)
	a := router.start(t, role{Info: studio})
	o.until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	before, start := len(o.heard), time.Now()
	packets := [][]byte{{}, {0}, make([]byte, 12), []byte(strings.Repeat("\xC0\x0C", 700)), []byte(strings.Repeat("\xFF", 1400))}
	for _, n := range []int{1, 1, 1, 200} {
		packet, err := (&dnsmessage.Message{Questions: slices.Repeat([]dnsmessage.Question{whoIsThere}, n)}).Pack()
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet)
	}
	sent := make(chan error, 1)
	go func() {
		var err error
		for range 2000 {
			for _, packet := range packets {
				_, e := o.conn.WriteTo(packet, nil, mdnsGroup)
				err = errors.Join(err, e)
			}
			<-time.After(time.Millisecond) // or what is received would be lost
		}
		sent <- err
	}()
	for done := false; !done; {
		o.listenRaw(t, time.Now().Add(100*time.Millisecond))
		select {
		case err := <-sent:
			if done = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	o.listenRaw(t, time.Now().Add(1500*time.Millisecond))
	if answers, most := len(o.heard)-before, int(time.Since(start)/time.Second)+2; answers < 1 || answers > most {
		t.Errorf("%d answers in %v, want at most %d", answers, time.Since(start), most)
	}
	o.until(t, "the router", func(h heard) bool { return h.says("Studio", "10.1.0.1") })
	a.end(t, syscall.SIGTERM)
	if !a.cmd.ProcessState.Success() {
		t.Errorf("ended with %v", a.cmd.ProcessState)
	}
}

// listenRaw takes in answers and passes over what cannot be read, which is the observer's own.
func (o *observer) listenRaw(t *testing.T, until time.Time) {
	t.Helper()
	buf := make([]byte, 9000)
	_ = o.conn.SetReadDeadline(until)
	for {
		n, _, _, err := o.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) == nil && m.Response {
			o.heard = append(o.heard, understand(t, m))
		}
	}
}
