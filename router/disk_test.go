package router

// The engine and its file, at moments that a client cannot choose: between two transactions, and during one that does not end.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// silent is a connection that takes everything.
type silent struct{}

func (silent) Write([]byte) error  { return nil }
func (silent) Limit(time.Duration) {}
func (silent) Finish(Reason)       {}
func (silent) Abort()              {}

// kept is a router with a file, and one session.
type kept struct {
	*Router
	store   *store.Store
	session *Session
}

func keep(t *testing.T, path string, wrote func(time.Duration, error)) *kept {
	t.Helper()
	st, err := store.Open(store.Options{Path: path, Interval: time.Hour, Wrote: wrote})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Name: "test", Store: st})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := r.Open(silent{}, Peer{Transport: "test", Framing: WebSocket})
	k := &kept{r, st, s}
	k.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("test")}))
	return k
}

func (k *kept) send(t *testing.T, q wire.QoS, payload []byte) {
	t.Helper()
	frame, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		t.Fatal(err)
	}
	k.session.Receive(frame)
}

func setOf(addr string, value byte, ttl uint32) []byte {
	v := wire.Value{Code: wire.I64Code, Data: []byte{0, 0, 0, 0, 0, 0, 0, value}}
	return wire.AppendSet(nil, wire.Set{Address: []byte(addr), Value: v, HasTTL: ttl > 0, TTL: ttl})
}

// settled waits until all commits are.
func (k *kept) settled() {
	k.session.Idle()
	k.pending.wait()
}

func (k *kept) close(t *testing.T) {
	t.Helper()
	k.session.Closed(ReasonClientClosed)
	if err := k.Router.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := k.store.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// at returns what a param is, the zero value and revision if there is none.
func (k *kept) at(addr string) (value byte, revision uint64) {
	p := k.params.Find([]byte(addr))
	if p == nil {
		return 0, 0
	}
	p.Lock()
	defer p.Unlock()
	if p.Value == nil {
		return 0, 0
	}
	return p.Value[len(p.Value)-1], p.Revision
}

// TestKilledBetweenTransactions: an expired param does not come back with an older value that the journal still has, whatever the
// moment of the crash.
func TestKilledBetweenTransactions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	var copies atomic.Int32
	k := keep(t, path, func(time.Duration, error) {
		n := copies.Add(1)
		for _, suffix := range []string{"", ".journal0", ".journal1"} {
			b, err := os.ReadFile(path + suffix)
			if suffix != "" && os.IsNotExist(err) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprint("copy", n, suffix)), b, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	k.send(t, wire.Commit, setOf("/pyro", 1, 0))
	k.settled()
	k.send(t, wire.Confirm, setOf("/pyro", 2, 1))
	k.close(t)
	time.Sleep(1100 * time.Millisecond) // its lifetime
	seen := map[byte]int{}
	for n := copies.Load(); n > 0; n-- {
		k := keep(t, filepath.Join(dir, fmt.Sprint("copy", n)), nil)
		value, revision := k.at("/pyro")
		if value == 2 || value == 1 && revision != 1+1<<20 {
			t.Errorf("killed after write %d: /pyro is %d at revision %d", n, value, revision)
		}
		seen[value]++
		k.close(t)
	}
	if seen[0] < 3 || seen[1] < 1 { // at the least: opened; committed; folded, cleared, closed
		t.Errorf("the moments tried were %v", seen)
	}
}

// TestForgottenGoOn: more addresses than are remembered expire while the router is down; those that come back go on counting, and
// what is committed to them stays.
func TestForgottenGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	k := keep(t, path, nil)
	for range 5 {
		k.send(t, wire.Fire, setOf("/a", 1, 1))
	}
	for i := range maxGone + 5000 {
		k.send(t, wire.Fire, setOf(fmt.Sprintf("/b/%06d", i), 1, 1))
	}
	k.close(t)
	time.Sleep(1100 * time.Millisecond) // their lifetime
	k = keep(t, path, nil)
	if n := k.Stats().Params; n != 0 {
		t.Errorf("%d params have outlived their time", n)
	}
	k.send(t, wire.Commit, setOf("/a", 7, 0))
	k.settled()
	_, acknowledged := k.at("/a")
	if acknowledged <= 5 {
		t.Errorf("revision %d, 5 was told before", acknowledged)
	}
	k.close(t)
	k = keep(t, path, nil)
	defer k.close(t)
	if value, revision := k.at("/a"); value != 7 || revision != acknowledged {
		t.Errorf("%d at revision %d was acknowledged, it is %d at %d", 7, acknowledged, value, revision)
	}
}

// TestSlowDisk: while one commit is on its way to a disk that does not answer, other cues run at their time, and the router can
// still be told to stop.
func TestSlowDisk(t *testing.T) {
	var slow atomic.Bool
	answer := make(chan struct{})
	k := keep(t, filepath.Join(t.TempDir(), "state.db"), func(time.Duration, error) {
		if slow.Swap(false) {
			<-answer
		}
	})
	slow.Store(true)
	k.send(t, wire.Commit, setOf("/a", 1, 0))
	for _, addr := range []string{"/a", "/strobe/off"} {
		payload := wire.BeginBundle(nil, true, uint64(time.Now().Add(20*time.Millisecond).UnixMicro()))
		payload, err := wire.AppendBundleMessage(payload, setOf(addr, 2, 0))
		if err != nil {
			t.Fatal(err)
		}
		wire.SetBundleCount(payload, 1)
		k.send(t, wire.Fire, payload)
	}
	k.session.Idle()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if value, _ := k.at("/strobe/off"); value == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a cue waits for a disk it does not need")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	k.session.Closed(ReasonClientClosed)
	_ = k.Router.Close(ctx) // returns, with the commit still on its way
	if k.params.Find([]byte("/a")).Value != nil {
		t.Error("applied before it was on the disk")
	}
	close(answer)
	if err := k.store.Close(context.Background()); err != nil {
		t.Error(err)
	}
	k.stopped.Wait()
	if value, revision := k.at("/a"); value != 2 || revision != 2 {
		t.Errorf("/a is %d at revision %d: the commit or the bundle behind it is lost", value, revision)
	}
}
