// Looking on: rows, lists and sums of addresses.

package router_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestValues(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c, _ := enter(t, r, "")
	id := r.Clients()[0].ID
	began := time.Now().Add(-time.Second)
	long := strings.Repeat("€", 20000)
	list := make([]any, 20000)
	for i := range list {
		list[i] = int64(i)
	}
	values := []struct {
		value      any
		kind, text string
		number     float64
		numeric    bool
		cut        bool // text is the beginning
	}{
		{1.5, "f64", "1.5", 1.5, true, false},
		{int64(-7), "i64", "-7", -7, true, false},
		{true, "bool", "true", 1, true, false},
		{false, "bool", "false", 0, true, false},
		{nil, "null", "null", 0, false, false},
		{"red", "string", `"red"`, 0, false, false},
		{[]byte{1, 255}, "bytes", `{"$bytes":"01ff"}`, 0, false, false},
		{[]any{int64(1), "x"}, "array", `[1,"x"]`, 0, false, false},
		{map[string]any{"x": int64(1)}, "map", `{"x":1}`, 0, false, false},
		{long, "string", `"€€€`, 0, false, true},
		{[]byte(long[:60000]), "bytes", `{"$bytes":"e282ac`, 0, false, true},
		{map[string]any{"long": list[:3000], "next": long[:30000]}, "map", `{"long":[0,1,2,3,`, 0, false, true},
	}
	var addresses []string
	for i, v := range values {
		addr := fmt.Sprintf("/v/%d", i)
		c.ask(t, wire.Fire, setPayload(addr, v.value))
		addresses = append(addresses, addr)
	}
	rows := r.Values(append(addresses, "/nothing", "no address"))
	for i, v := range values {
		row := rows[i]
		if row.Missing || row.Address != addresses[i] || row.Type != v.kind || row.Number != v.number || row.Numeric != v.numeric {
			t.Errorf("%v: %.300v", v.kind, row)
		}
		if v.cut && !strings.HasPrefix(row.Text, v.text) || !v.cut && row.Text != v.text {
			t.Errorf("%v is shown as %.300q, want %q", v.kind, row.Text, v.text)
		}
		if n := len([]rune(row.Text)); n > 256 {
			t.Errorf("%v: %d characters", v.kind, n)
		}
		if row.Writer != id || row.WriterName != "caller" || row.Revision != 1 || row.Written.Before(began) || !row.Expires.IsZero() {
			t.Errorf("%v: %.300v", v.kind, row)
		}
	}
	for _, row := range rows[len(values):] {
		if !row.Missing || row.Address == "" {
			t.Errorf("what is not there is %+v", row)
		}
	}

	ttl := wire.Set{Address: []byte("/x"), Value: wire.Value{Code: wire.NullCode}, HasTTL: true, TTL: 60, Lock: true}
	c.ask(t, wire.Fire, wire.AppendSet(nil, ttl))
	c.ask(t, wire.Fire, timelinePayload(t, "/t", 1.0))
	rows = r.Values([]string{"/x", "/t"})
	if left := time.Until(rows[0].Expires); left < 50*time.Second || left > time.Minute || rows[0].Holder != id || rows[0].HolderName != "caller" {
		t.Errorf("with a lifetime and a lock: %+v", rows[0])
	}
	if !rows[1].Timeline || rows[1].Type != "map" {
		t.Errorf("a timeline is %+v", rows[1])
	}
	c.leave()
	if row := r.Values([]string{"/v/0"})[0]; row.Writer != id || row.WriterName != "" {
		t.Errorf("written by who has gone: %+v", row)
	}
}

// Addresses that do not print are shown so that nothing of them reaches a terminal, and are found by what was shown.
func TestStrangeAddresses(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c, _ := enter(t, r, "")
	strange := []string{
		"/a\x1b[31mred", "/a\u202eb", "/a\u200bb", "/a\u00a0b", "/a\x7f", "/back\\slash", "/not\\x41", "/not\\u0041", "/end\\", "/\\\\x1b",
		"/\U000e0001", "/ä€𝄞", "/a b", "/\ufffd", "/a" + strings.Repeat("\u0301", 9), "/\u0301/\u0301", "/a\ufe0f",
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		text := "/"
		for range 1 + random.IntN(12) {
			text += []string{"\\", "x", "1", "b", "u", "0", "\x1b", "\u2028", "ü", "U", " ", "\x01", "\u0301"}[random.IntN(13)]
		}
		strange = append(strange, text)
	}
	want := map[string]bool{}
	for _, addr := range strange {
		if got := c.ask(t, wire.Confirm, setPayload(addr, addr)); !slices.Equal(got, []string{"ACK"}) {
			t.Fatalf("%q: %q", addr, got)
		}
		want[addr] = true
	}
	names := r.Addresses(nil, monitor.NeedAddress, nil)
	if len(names) != len(want) || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("seed %d: %d names of %d addresses", seed, len(names), len(want))
	}
	for i, row := range r.Values(names) {
		if row.Missing {
			t.Errorf("seed %d: %q is shown and not found", seed, names[i])
		}
		if strings.ContainsFunc(names[i], func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("seed %d: %q is shown", seed, names[i])
		}
		if strings.Contains(names[i], "/\u0301") || strings.Contains(names[i], strings.Repeat("\u0301", 5)) || strings.Contains(names[i], "\ufe0f") {
			t.Errorf("seed %d: %q draws over others", seed, names[i])
		}
		if row.Revision != 1 {
			// Two of one spelling would be found as one.
			continue
		}
		if d, err := r.Address(names[i]); err != nil || d.Revision != row.Revision {
			t.Errorf("seed %d: %q: %v", seed, names[i], err)
		}
	}
	if rows := r.Values([]string{`/a\u202eb`, `/back\slash`, `/\zz`}); rows[0].Missing || rows[1].Missing || !rows[2].Missing {
		t.Errorf("as a person types them: %+v", rows)
	}
}

// What passes is what the filter says, whatever it needs; the list is sorted and whole.
func TestAddresses(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c, _ := enter(t, r, "")
	const n = 10_000 // several pieces
	for i := range n {
		c.Receive(frameOf(t, wire.Fire, setPayload(fmt.Sprintf("/n/%d", i), int64(i))))
	}
	c.Idle()
	all := r.Addresses(nil, 0, nil)
	if len(all) != n || !slices.IsSorted(all) {
		t.Fatalf("%d addresses, want %d in order", len(all), n)
	}
	ending := r.Addresses(func(v *monitor.Value) bool {
		if v.Type != "" || v.Writer != "" {
			t.Fatalf("more was looked at than the address: %+v", v)
		}
		return strings.HasSuffix(v.Address, "7")
	}, monitor.NeedAddress, nil)
	valued := r.Addresses(func(v *monitor.Value) bool { return v.Text == "7" || v.Number == 4711 }, monitor.NeedValue, nil)
	written := r.Addresses(func(v *monitor.Value) bool { return v.WriterName == "caller" }, monitor.NeedWriter, nil)
	if len(ending) != n/10 || !slices.Equal(valued, []string{"/n/4711", "/n/7"}) || len(written) != n {
		t.Errorf("%d end in 7, %q have the values, %d the writer", len(ending), valued, len(written))
	}
}

// Branches add up what naive counting does.
func TestBranches(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c, _ := enter(t, r, "")
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 2))
	segment := func() string { return []string{"a", "b", "ab", "a.", "a0", "-"}[random.IntN(6)] }
	revisions := map[string]uint64{}
	for range 12_000 {
		addr := ""
		for range 1 + random.IntN(6) {
			addr += "/" + segment()
		}
		revisions[addr]++
		c.Receive(frameOf(t, wire.Fire, setPayload(addr, 1.0)))
	}
	c.Idle()
	for round := range 50 {
		var asked []string
		for range random.IntN(20) {
			branch := ""
			for range random.IntN(4) {
				branch += "/" + segment()
			}
			asked = append(asked, branch)
		}
		asked = append(asked, "/", "/nothing")
		if round == 0 {
			asked = nil
		}
		got := r.Branches(asked)
		for i, branch := range asked {
			want := monitor.Branch{Address: branch, Rate: -1}
			for addr, revision := range revisions {
				if strings.HasPrefix(addr, strings.TrimSuffix(branch, "/")+"/") {
					want.Count++
					want.Writes += revision
				}
			}
			if got[i] != want {
				t.Errorf("seed %d: %q: %+v, want %+v", seed, asked, got[i], want)
			}
		}
	}
}

func TestAddressDetail(t *testing.T) {
	r := openWith(t, router.Limits{}, router.ConflictRule{Pattern: "/max", Strategy: "max"})
	first, _ := enter(t, r, "")
	second, _ := enter(t, r, "")
	first.ask(t, wire.Fire, wire.AppendSet(nil, wire.Set{
		Address: []byte("/max"), Value: wire.Value{Code: wire.I64Code, Data: make([]byte, 8)}, HasTTL: true, TTL: 90,
	}))
	first.ask(t, wire.Fire, subscribePayload("/**"))
	second.ask(t, wire.Fire, subscribePayload("/max"))
	second.ask(t, wire.Fire, subscribePayload("/other"))
	announced := wire.BeginAnnounce(nil, []byte("test"))
	announced = wire.AppendAnnounceSignal(announced, wire.SignalInfo{
		Address: []byte("/m*"), Signal: wire.Param, HasDatatype: true, Datatype: []byte("f64"), HasAccess: true, Access: []byte("rw"),
	})
	wire.SetAnnounceCount(announced, 1)
	second.ask(t, wire.Fire, announced)
	d, err := r.Address("/max")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, s := range d.Subscribers {
		patterns = append(patterns, s.Name+" "+s.Pattern)
	}
	slices.Sort(patterns)
	if d.Strategy != "max" || d.TTL != 90*time.Second || d.Stored || d.Pretty != "0" || d.Type != "i64" || d.Subscribed != 2 ||
		!slices.Equal(patterns, []string{"caller /**", "caller /max"}) || d.Announced != "param f64 rw by caller" {
		t.Errorf("%+v", d)
	}
	if _, err := r.Address("/nothing"); !errors.Is(err, monitor.ErrGone) {
		t.Errorf("what is not there: %v", err)
	}

	first.ask(t, wire.Fire, setPayload("/map", map[string]any{"a": []any{int64(1), "\x1b[2J"}, "b": strings.Repeat("x", 1000)}))
	d, err = r.Address("/map")
	if err != nil || !strings.HasPrefix(d.Pretty, "{\n  \"a\": [\n    1,\n") || strings.Contains(d.Pretty, "\x1b") || strings.Count(d.Pretty, "x") != 1000 {
		t.Errorf("pretty: %s (%v)", d.Pretty, err)
	}
	first.ask(t, wire.Fire, setPayload("/large", make([]any, 60_000)))
	if d, err = r.Address("/large"); err != nil || len(d.Pretty) > 64<<10 || !strings.HasSuffix(d.Pretty, "…") || d.Subscribed != 1 {
		t.Errorf("a large one: %d bytes pretty (%v)", len(d.Pretty), err)
	}
}

// What has expired is no longer there, and the list says so.
func TestExpiredIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := router.New(router.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close(t.Context()) }()
		c, _ := enter(t, r, "")
		defer c.leave()
		c.send(t, wire.Fire, wire.AppendSet(nil, wire.Set{Address: []byte("/x"), Value: wire.Value{Code: wire.NullCode}, HasTTL: true, TTL: 2}))
		rev := r.StructRev()
		if got := r.Addresses(nil, 0, nil); !slices.Equal(got, []string{"/x"}) {
			t.Errorf("there is %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := r.Addresses(nil, 0, nil); len(got) != 0 || r.StructRev() == rev || !r.Values([]string{"/x"})[0].Missing {
			t.Errorf("there is %q, StructRev %d after %d", got, r.StructRev(), rev)
		}
	})
}
