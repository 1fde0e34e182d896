// Runs clasp discover, and finds a router the way public clients do, on a network that no other program is on.

package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/wire"
	"golang.org/x/sys/unix"
)

// ownNetwork moves the test, and the programs it starts, to a network of their own: loopback and a card 10.1.0.1/24.
func ownNetwork(t *testing.T) {
	t.Helper()
	claspBinary(t)         // may have to be built, where there is a network
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("%s: skipped: network namespaces are not permitted here: %v", t.Name(), err)
	}
	for _, args := range []string{
		"link set lo up", "link add eth0 type veth peer name cable", "link set cable up",
		"addr add 10.1.0.1/24 broadcast + dev eth0", "link set eth0 up", "route add default dev eth0",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("%s: skipped: no network of its own: ip %s: %v %s", t.Name(), args, err, out)
		}
	}
}

// responds answers probes on a port until the test ends.
func responds(t *testing.T, i discovery.Info, port int) {
	t.Helper()
	links, err := discovery.Links(netip.Addr{}) // now, since the server's goroutine looks at another network
	if err != nil {
		t.Fatal(err)
	}
	r := discovery.NewResponder(i, discovery.ResponderOptions{Links: func() ([]discovery.Link, error) { return links, nil }})
	s, err := discovery.Listen(fmt.Sprintf("0.0.0.0:%d", port), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
}

func TestDiscover(t *testing.T) {
	ownNetwork(t)
	responds(t, discovery.Info{ID: "1-2-3", Name: "Studio", Port: 8000, Secure: true, Auth: discovery.AuthToken, QUIC: 8000, TCP: 7332}, discovery.DefaultPort)
	responds(t, discovery.Info{ID: "4", Name: "\x1b[31mRed", Port: 1}, 9000)

	for _, test := range []struct {
		args, stdout string
	}{
		{"", "NAME    ADDRESS   PORT  TRANSPORTS              AUTH\nStudio  10.1.0.1  8000  wss quic:8000 tcp:7332  token\n"},
		{"--udp --port 9000", "NAME           ADDRESS   PORT  TRANSPORTS  AUTH\n\"\\x1b[31mRed\"  10.1.0.1  1     ws          ?\n"},
		{"--json", `{"id":"1-2-3","name":"Studio","url":"wss://10.1.0.1:8000/clasp","addresses":["10.1.0.1","127.0.0.1"],` +
			`"port":8000,"secure":true,"transports":["wss","quic:8000","tcp:7332"],"auth":"token"}` + "\n"},
	} {
		stdout, stderr, code := clasp(t, nil, append([]string{"discover", "--timeout", "1"}, strings.Fields(test.args)...)...)
		if code != 0 || stderr != "" || stdout != test.stdout {
			t.Errorf("clasp discover %s: exit code %d, stderr %q, stdout\n%s\nwant\n%s", test.args, code, stderr, stdout, test.stdout)
		}
	}
}

func TestDiscoverNothing(t *testing.T) {
	ownNetwork(t)
	for _, args := range []string{"", "--udp", "--mdns", "--json"} {
		stdout, stderr, code := clasp(t, nil, append([]string{"discover", "--timeout", "0.3"}, strings.Fields(args)...)...)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "clasp: no router found: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("clasp discover %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

// TestDiscoverHalf: one way to look that cannot be tried does not hide what the other finds, nor is it hidden by it.
func TestDiscoverHalf(t *testing.T) {
	ownNetwork(t)
	taken, err := net.ListenPacket("udp4", "0.0.0.0:5353")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	responds(t, discovery.Info{ID: "1-2-3", Name: "Studio", Port: 8000}, discovery.DefaultPort)
	stdout, stderr, code := clasp(t, nil, "discover", "--timeout", "0.5")
	if code != 0 || !strings.Contains(stdout, "\nStudio  10.1.0.1 ") {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
	if want := "warning: there may be more routers than these: UDP port 5353 is in use by "; !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("stderr %q, want %q...", stderr, want)
	}
}

func TestDiscoverUsage(t *testing.T) {
	for _, args := range []string{"here", "--timeout 0", "--timeout -1", "--port 0", "--port 65536", "--port x"} {
		stdout, stderr, code := clasp(t, nil, append([]string{"discover"}, strings.Fields(args)...)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "see 'clasp discover --help'") {
			t.Errorf("clasp discover %s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

// TestPublicDiscovery does what the public Rust client does (the Python client has no discovery of its own): it sends a HELLO to
// 255.255.255.255, and to whoever answers with WELCOME it connects on port 7330, path /clasp.
func TestPublicDiscovery(t *testing.T) {
	ownNetwork(t)
	s := serve(t, nil, "--name", "Studio", "--discovery-port", "7331")
	s.until(t, s.stdout.String, "router started")

	c, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello, err := wire.AppendFrame(nil, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: 1, Name: []byte("Discovery")}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo(hello, &net.UDPAddr{IP: net.IPv4bcast, Port: 7331}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 2048)
	n, from, err := c.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := wire.ReadFrame(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	if m, err := wire.DecodeWelcome(f.Payload); err != nil || string(m.Name) != "Studio" {
		t.Errorf("answered %+v, error %v", m, err)
	}
	url := fmt.Sprintf("ws://%s:7330/clasp", from.(*net.UDPAddr).IP)
	if stdout, stderr, code := clasp(t, nil, "set", "--url", url, "/lights/1", "0.5"); code != 0 {
		t.Errorf("connecting to %s: exit code %d, stdout %q, stderr %q", url, code, stdout, stderr)
	}
}

// TestDiscoverStops holds that Ctrl-C ends the search, and shows what has been found.
func TestDiscoverStops(t *testing.T) {
	ownNetwork(t)
	responds(t, discovery.Info{ID: "1", Name: "Studio", Port: 8000}, discovery.DefaultPort)
	cmd := claspCommand(t, nil, "discover", "--udp", "--json", "--timeout", "600")
	var out lockedBuffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { _ = cmd.Process.Signal(unix.SIGINT) })
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	var found struct{ Name string }
	if err := json.Unmarshal([]byte(out.String()), &found); err != nil || found.Name != "Studio" {
		t.Errorf("printed %q: %v", out.String(), err)
	}
}
