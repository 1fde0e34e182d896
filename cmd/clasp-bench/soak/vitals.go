// How the router is: what it says of itself on its metrics port, and what the system says.

package soak

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// vitals is one look at it.
type vitals struct {
	Goroutines    int `json:"goroutines"`
	Descriptors   int `json:"descriptors"`
	MemoryKiB     int `json:"memory_kib"`    // in RAM and its own: mapped files are the system's to take back
	HeapGoalKiB   int `json:"heap_goal_kib"` // twice what was alive at the last collection, and 4 MiB at least
	Sessions      int `json:"sessions"`
	Subscriptions int `json:"subscriptions"`
	Params        int `json:"params"`
	Locks         int `json:"locks"`
}

// String is a line of a report.
func (v vitals) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d MiB, heap goal %d MiB, %d sessions, %d subscriptions, %d params, %d locks",
		v.Goroutines, v.Descriptors, v.MemoryKiB>>10, v.HeapGoalKiB>>10, v.Sessions, v.Subscriptions, v.Params, v.Locks)
}

// scrape reads the metrics, by name and labels as they are written.
func (s *server) scrape(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	request.Close = true // a connection that is kept would count as a descriptor of the router
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	all := make(map[string]float64)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if at := strings.LastIndexByte(lines.Text(), ' '); ok && at > 0 { // labels may hold spaces
			name, value = lines.Text()[:at], lines.Text()[at+1:]
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the metrics of the router are empty (%s)", answer.Status)
	}
	return all, nil
}

// look takes everything at once.
func (s *server) look(ctx context.Context) (vitals, error) {
	m, err := s.scrape(ctx)
	if err != nil {
		return vitals{}, fmt.Errorf("look at the router: %w", err)
	}
	pid := s.proc.PID()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return vitals{}, fmt.Errorf("count the descriptors of the router (this needs Linux): %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return vitals{}, err
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	var anonymous int
	if _, err := fmt.Sscanf(rest, "%d kB", &anonymous); err != nil {
		return vitals{}, fmt.Errorf("read the memory of the router: %w", err)
	}
	return vitals{
		Goroutines: int(m["go_goroutines"]), Descriptors: len(open), MemoryKiB: anonymous, HeapGoalKiB: int(m["go_memstats_next_gc_bytes"]) >> 10,
		Sessions: int(m["clasp_sessions_active"]), Subscriptions: int(m["clasp_subscriptions_active"]), Params: int(m["clasp_state_params_active"]),
		Locks: int(m["clasp_locks_held"]),
	}, nil
}

// most is the most of two looks, each number by itself.
func (v vitals) most(o vitals) vitals {
	return vitals{
		Goroutines: max(v.Goroutines, o.Goroutines), Descriptors: max(v.Descriptors, o.Descriptors),
		MemoryKiB: max(v.MemoryKiB, o.MemoryKiB), HeapGoalKiB: max(v.HeapGoalKiB, o.HeapGoalKiB), Sessions: max(v.Sessions, o.Sessions),
		Subscriptions: max(v.Subscriptions, o.Subscriptions), Params: max(v.Params, o.Params), Locks: max(v.Locks, o.Locks),
	}
}

// settled looks until goroutines, descriptors and heap are as they were, or for so long, and
// returns what it saw last and what is too much of it.
func (s *server) settled(ctx context.Context, wanted vitals, wait time.Duration) (v vitals, excess string, err error) {
	for deadline := time.Now().Add(wait); ; {
		if v, err = s.look(ctx); err != nil {
			return v, "", err
		}
		excess = v.above(wanted)
		if excess == "" || time.Now().After(deadline) || ctx.Err() != nil {
			return v, excess, ctx.Err()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

const (
	// The look itself is a connection with its goroutines, or two while one ends. What a
	// listener's poller or a timer has at a moment makes the rest.
	moreGoroutines, moreDescriptors = 6, 4
	// What is alive may differ by maps that have grown, by what a pool keeps until two
	// collections later, and by a book-keeping that is in a bigger step of its growth.
	moreHeap = 12 << 10 // KiB, of the goal, which is twice what is alive
	// The runtime gives memory back within minutes and keeps a tenth of the goal
	// (GOGC and the scavenger's goal); fragmentation keeps some more after thousands of sessions.
	memoryFactor, moreMemory = 1.25, 32 << 10
)

// above says what is more than it was, "" if nothing is.
func (v vitals) above(start vitals) string {
	var all []string
	for _, c := range []struct {
		name        string
		now, atMost int
	}{
		{"goroutines", v.Goroutines, start.Goroutines + moreGoroutines},
		{"descriptors", v.Descriptors, start.Descriptors + moreDescriptors},
		{"KiB of heap goal", v.HeapGoalKiB, start.HeapGoalKiB + moreHeap},
		{"KiB of memory", v.MemoryKiB, int(memoryFactor*float64(start.MemoryKiB)) + moreMemory},
		{"sessions", v.Sessions, start.Sessions},
		{"subscriptions", v.Subscriptions, start.Subscriptions},
		{"locks", v.Locks, start.Locks},
	} {
		if c.now > c.atMost {
			all = append(all, fmt.Sprintf("%d %s, at most %d were expected", c.now, c.name, c.atMost))
		}
	}
	return strings.Join(all, "; ")
}
