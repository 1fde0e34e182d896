// Multicast DNS messages as such: what cannot be said, what goes out comes in again, and whatever else comes in.

package discovery_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/discovery"
	"golang.org/x/net/dns/dnsmessage"
)

func TestAnnounceRefuses(t *testing.T) {
	for what, change := range map[string]func(*discovery.Info){
		"no ID":          func(i *discovery.Info) { i.ID = "" },
		"no port":        func(i *discovery.Info) { i.Port = 0 },
		"no such port":   func(i *discovery.Info) { i.Port = 65536 },
		"no name":        func(i *discovery.Info) { i.Name = "" },
		"an endless ID":  func(i *discovery.Info) { i.ID = strings.Repeat("x", 300) },
		"a strange auth": func(i *discovery.Info) { i.Auth = strings.Repeat("x", 300) },
	} {
		i := studio
		change(&i)
		a, err := discovery.Announce(discovery.AnnounceOptions{Info: i, Links: func() ([]discovery.Link, error) { return nil, errors.New("not to be called") }})
		if err == nil {
			a.Close()
			t.Errorf("%s: no error", what)
		} else if !strings.HasPrefix(err.Error(), "announce by multicast DNS: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNames sends names that are awkward as labels through one who looks for routers.
func TestNames(t *testing.T) {
	for _, name := range []string{"Studio", "Bühne 2", "studio.example.com", ".", "a\\b", "\x00", strings.Repeat("ü", 31)} {
		i := studio
		i.Name = name
		i.Secure, i.QUIC, i.UDP, i.TCP = true, 1, 2, 65535
		at := netip.MustParseAddr("10.1.0.1")
		packet, err := discovery.Announcement(i, at)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		var found []discovery.Found
		if err := discovery.TakeIn(packet, studio, func(f discovery.Found) { found = append(found, f) }); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if len(found) != 1 || found[0].Info != i || len(found[0].Addresses) != 1 || found[0].Addresses[0] != at {
			t.Errorf("%q: found %+v", name, found)
		} else if url := found[0].URL(); url != "wss://10.1.0.1:7330/clasp" {
			t.Errorf("%q: at %s", name, url)
		}
	}
}

// TestAwkwardNeighbours holds that a record of another service with a dot in its name hides nothing of ours.
func TestAwkwardNeighbours(t *testing.T) {
	ours, err := discovery.Announcement(studio, netip.MustParseAddr("10.1.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(ours); err != nil {
		t.Fatal(err)
	}
	// The codec cannot write such a name either, so it is put in afterwards.
	placeholder := dnsmessage.MustNewName("Dr!Who._airplay._tcp.local.")
	header := dnsmessage.ResourceHeader{Name: placeholder, Class: dnsmessage.ClassINET, TTL: 120}
	m.Answers = append([]dnsmessage.Resource{
		{Header: header, Body: &dnsmessage.TXTResource{TXT: []string{"a=b"}}},
		{Header: header, Body: &dnsmessage.PTRResource{PTR: placeholder}},
	}, m.Answers...)
	m.Questions = []dnsmessage.Question{{Name: placeholder, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET}}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	packet = bytes.ReplaceAll(packet, []byte("Dr!Who"), []byte("Dr.Who"))
	found := 0
	if err := discovery.TakeIn(packet, studio, func(f discovery.Found) { found++ }); err != nil || found != 1 {
		t.Errorf("found %d routers, error %v", found, err)
	}
}

// FuzzMessage holds that nothing a neighbour says does harm, and that what is found in it can be used.
func FuzzMessage(f *testing.F) {
	ours, err := discovery.Announcement(studio, netip.MustParseAddr("10.1.0.1"))
	if err != nil {
		f.Fatal(err)
	}
	question, err := (&dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("_clasp._tcp.local."), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}}}).Pack()
	if err != nil {
		f.Fatal(err)
	}
	for _, packet := range [][]byte{ours, question, {}, make([]byte, 12), bytes.Repeat([]byte{0xC0, 0x0C}, 20)} {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := bytes.Clone(packet)
		_ = discovery.TakeIn(packet, studio, func(f discovery.Found) {
			if f.Port <= 0 || f.Port > 65535 || len(f.Addresses) == 0 {
				t.Errorf("found %+v", f)
			}
		})
		if !bytes.Equal(packet, before) {
			t.Error("the packet was written to")
		}
	})
}
