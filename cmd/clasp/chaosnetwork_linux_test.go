// Takes the network card of a router away, and gives it back: between two machines, which are network namespaces. How discovery
// alone follows cards and addresses is the matter of the tests of package discovery.

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// cabled gives the test's own machine, on which routers are started, a cable to another one, and returns a way to run programs
// there. The cable is between eth0 with 10.1.0.1 here and eth0 with 10.1.0.2 there.
func cabled(t *testing.T) (there func(args ...string) *exec.Cmd, plug func()) {
	t.Helper()
	ownNetwork(t)
	other := fmt.Sprintf("clasp-%d-%s", os.Getpid(), t.Name())
	if out, err := exec.Command("ip", "netns", "add", other).CombinedOutput(); err != nil {
		t.Skipf("%s: skipped: network namespaces are not permitted here: %s", t.Name(), out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", other).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	})
	there = func(args ...string) *exec.Cmd {
		cmd := claspCommand(t, nil, args...)
		cmd.Args = append([]string{"ip", "netns", "exec", other}, cmd.Args...)
		cmd.Path, cmd.Err = exec.LookPath("ip")
		return cmd
	}
	ip(t, "link del eth0") // whose cable leads nowhere
	plug = func() {
		t.Helper()
		ip(t, "link add eth0 type veth peer name eth0 netns "+other)
		ip(t, "-n "+other+" addr add 10.1.0.2/24 broadcast + dev eth0")
		ip(t, "-n "+other+" link set eth0 up")
		ip(t, "-n "+other+" route add default dev eth0")
		ip(t, "addr add 10.1.0.1/24 broadcast + dev eth0")
		ip(t, "link set eth0 up")
		ip(t, "route add default dev eth0")
	}
	plug()
	return there, plug
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v %s", args, err, out)
	}
}

// listeners are clasp sub on the other machine, by URL.
type listeners map[string]*lockedBuffer

const overUDP = "udp://10.1.0.1:7331"

func listen(t *testing.T, there func(args ...string) *exec.Cmd) listeners {
	t.Helper()
	all := make(listeners)
	for _, url := range []string{"ws://10.1.0.1:7330", "tcp://10.1.0.1:7332", overUDP} {
		all[url] = runBeside(t, there("sub", "--url", url, "/net/*"))
	}
	return all
}

// hear waits until all have printed a value of /net/1.
func (l listeners) hear(t *testing.T, n int) {
	t.Helper()
	l.hearByStream(t, n)
	l.prints(t, overUDP, n)
}

// hearByStream waits for those that get it however late: to who listens over UDP, what is lost is lost.
func (l listeners) hearByStream(t *testing.T, n int) {
	t.Helper()
	for url := range l {
		if url != overUDP {
			l.prints(t, url, n)
		}
	}
}

func (l listeners) prints(t *testing.T, url string, n int) {
	t.Helper()
	line := fmt.Sprintf("/net/1 %d\n", n)
	within(t, fmt.Sprintf("clasp sub --url %s prints %q", url, line), func() bool { return strings.Contains(l[url].String(), line) })
}

// writes sets /net/1 here, whatever becomes of the card.
func writes(t *testing.T, host string, n int) {
	t.Helper()
	if _, words, code := clasp(t, nil, "set", "--url", "ws://"+host+":7330", "/net/1", fmt.Sprint(n)); code != 0 {
		t.Fatalf("clasp set: exit code %d, %s", code, words)
	}
}

// serveApart starts a router on the ports that it has by default. Its admin socket is not where others of such ports have theirs.
func serveApart(t *testing.T) *service {
	t.Helper()
	return serve(t, []string{"XDG_RUNTIME_DIR=" + t.TempDir()}, "--name", "Studio", "--tcp", "--udp", "--mdns", "--discovery-port", "7331")
}

// TestChaosCardDown: the sessions outlive a short loss of the link, and who is connected by a stream misses nothing newest.
func TestChaosCardDown(t *testing.T) {
	t.Parallel()
	there, _ := cabled(t)
	s := serveApart(t)
	s.until(t, s.stdout.String, "router started")
	writes(t, "127.0.0.1", 0)
	heard := listen(t, there)
	heard.hear(t, 0)
	for n := 10; n <= 20**chaosRounds; n += 10 {
		ip(t, "link set eth0 down")
		for i := range 8 {
			writes(t, "127.0.0.1", n+i)
		}
		ip(t, "link set eth0 up")
		heard.hearByStream(t, n+7)
		writes(t, "127.0.0.1", n+8)
		heard.hear(t, n+8)
	}
	for line := range strings.Lines(s.stdout.String()) {
		if strings.Contains(line, "session ended") && strings.Contains(line, "remote=10.1.0.2:") {
			t.Errorf("a session has not outlived it: %s", line)
		}
	}
}

// TestChaosCardGone: with the card goes its address, and both come back: so do the sessions, and the router is found again.
// Meanwhile it routes, to whom it can reach.
func TestChaosCardGone(t *testing.T) {
	t.Parallel()
	there, plug := cabled(t)
	s := serveApart(t)
	announced := func(n int) {
		t.Helper()
		within(t, "announced", func() bool { return strings.Count(s.stdout.String(), `announced by multicast DNS" name=Studio`) >= n })
	}
	announced(1)
	writes(t, "127.0.0.1", 0)
	heard := listen(t, there)
	heard.hear(t, 0)
	for round := 1; round <= *chaosRounds; round++ {
		ip(t, "link del eth0")
		within(t, "it is said once that it cannot be found that way", func() bool {
			return strings.Count(s.stdout.String(), "multicast DNS cannot announce this router") == round
		})
		writes(t, "127.0.0.1", 10*round)
		plug()
		heard.hearByStream(t, 10*round)
		writes(t, "10.1.0.1", 10*round+1)
		heard.hear(t, 10*round+1)
		announced(1 + round)
		for _, way := range []string{"--udp", "--mdns"} {
			within(t, "found by "+way, func() bool {
				out, _ := there("discover", way, "--timeout", "1").Output() // the exit code says that nothing is found
				return strings.Contains(string(out), "Studio  10.1.0.1 ")
			})
		}
	}
	for line := range strings.Lines(s.stdout.String()) {
		if strings.Contains(line, "level=ERROR") {
			t.Error(line)
		}
	}
}
