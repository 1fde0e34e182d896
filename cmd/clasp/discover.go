// clasp discover: the routers on the networks of this machine.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/spf13/cobra"
)

func newDiscoverCommand() *cobra.Command {
	var search discovery.Search
	var asJSON bool
	timeout := duration(3 * time.Second)
	port := natural{n: discovery.DefaultPort, max: 65535, given: strconv.Itoa(discovery.DefaultPort)}
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "List the routers on the local network",
		Long: `List the routers on the local network.

They are looked for in both ways, by multicast DNS (routers with --mdns) and by a
UDP probe to all on the network (those with --mdns or --discovery-port), unless one
is chosen.`,
		Example: `  clasp discover
  clasp discover --udp --timeout 1
  clasp discover --json                  with all addresses, and URLs`,
	}
	flags := cmd.Flags()
	flags.BoolVar(&search.UDP, "udp", false, "Look by UDP probe only")
	flags.BoolVar(&search.MDNS, "mdns", false, "Look by multicast DNS only")
	flags.Var(&port, "port", "UDP discovery port of the routers")
	flags.Var(&timeout, "timeout", "How long to look")
	flags.BoolVar(&asJSON, "json", false, "Print JSON, one line a router")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if timeout == 0 || port.n == 0 {
			return usageError(cmd, errors.New("--timeout and --port must be above 0"))
		}
		if !search.UDP && !search.MDNS {
			search.UDP, search.MDNS = true, true
		}
		search.Port = int(port.n)
		ctx, stop := stoppable(cmd)
		defer stop()
		ctx, cancel := context.WithTimeout(ctx, time.Duration(timeout))
		defer cancel()
		routers, err := discovery.Find(ctx, search, nil)
		if err = mdnsError(err); err != nil && len(routers) > 0 {
			printWarnings(cmd.ErrOrStderr(), []string{"there may be more routers than these: " + strings.ReplaceAll(err.Error(), "\n", "; ")})
		}
		switch {
		case len(routers) == 0 && err != nil:
			return fmt.Errorf("no router found: %w", err)
		case len(routers) == 0:
			return errors.New("no router found: routers that are started with --mdns or --discovery-port can be; --timeout looks longer")
		case asJSON:
			for _, r := range routers {
				if err := printJSON(cmd.OutOrStdout(), messageOfFound(r)); err != nil {
					return err
				}
			}
			return nil
		default:
			return printFound(cmd.OutOrStdout(), routers)
		}
	}
	return cmd
}

// discoverScheme begins a URL that stands for the first router that is found, or for the
// one of the name behind it.
const discoverScheme = "discover:"

// discovered returns the name in such a URL, "" for the first router, in the ways that people
// write one: the scheme in any case, blanks around the name, and two slashes before it.
func discovered(url string) (name string, ok bool) {
	if len(url) < len(discoverScheme) || !strings.EqualFold(url[:len(discoverScheme)], discoverScheme) {
		return "", false
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(url[len(discoverScheme):]), "//")), true
}

// betterWord is how long to wait for more about a router that has said next to nothing: a
// WELCOME has no port, and those of other makes give no other answer.
const betterWord = 500 * time.Millisecond

// look finds a router by its name, or the first for "".
func look(ctx context.Context, name string) (discovery.Found, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var match *discovery.Found
	_, err := discovery.Find(ctx, discovery.Search{UDP: true, MDNS: true}, func(f discovery.Found) bool {
		if name != "" && !f.Called(name) {
			return true
		}
		if match == nil {
			time.AfterFunc(betterWord, cancel)
		}
		match = &f
		return f.Auth == ""
	})
	wanted := "router"
	if name != "" {
		wanted = fmt.Sprintf("router named %s", shown(name))
	}
	switch {
	case match != nil:
		return *match, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return discovery.Found{}, fmt.Errorf("stopped: %w", ctx.Err())
	case err != nil:
		return discovery.Found{}, fmt.Errorf("no %s found: %w", wanted, err)
	default:
		return discovery.Found{}, fmt.Errorf("no %s found: routers that are started with --mdns or --discovery-port can be, 'clasp discover' lists them; --timeout looks longer", wanted)
	}
}

// printFound prints a table for people.
func printFound(w io.Writer, routers []discovery.Found) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tADDRESS\tPORT\tTRANSPORTS\tAUTH") // Flush has the error
	for _, r := range routers {
		auth := r.Auth
		if auth == "" {
			auth = "?" // routers of another make do not say
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", shown(r.Name), r.Addresses[0], r.Port, strings.Join(r.Transports(), " "), shown(auth))
	}
	return table.Flush()
}

// foundMessage is a router in the JSON output.
type foundMessage struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	URL        string   `json:"url"`
	Addresses  []string `json:"addresses"` // where it answered
	Port       int      `json:"port"`      // of WebSocket
	Secure     bool     `json:"secure"`
	Transports []string `json:"transports"`
	Auth       string   `json:"auth,omitempty"`
}

func messageOfFound(r discovery.Found) foundMessage {
	m := foundMessage{ID: r.ID, Name: r.Name, URL: r.URL(), Port: r.Port, Secure: r.Secure, Transports: r.Transports(), Auth: r.Auth}
	for _, address := range r.Addresses {
		m.Addresses = append(m.Addresses, address.String())
	}
	return m
}
