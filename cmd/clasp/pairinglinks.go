// The links of an invite (pairing section 5): one for each address under which a phone may
// reach the router.

package main

import (
	"cmp"
	"encoding/base64"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/clasp-studio/clasp/router/discovery"
)

// inviteLinks makes the links of an invite's secret, with what identifies the router's key
// behind it where there is TLS. The secret is in the fragment: it reaches no log and no proxy.
func inviteLinks(at netip.Addr, port int, certs *certificates, secret string) ([]linkView, error) {
	scheme, fragment := "http", secret
	if certs.keeper != nil {
		sum := certs.keeper.Fingerprint()
		scheme, fragment = "https", secret+"."+base64.RawURLEncoding.EncodeToString(sum[:])
	}
	link := func(address netip.Addr, card string) linkView {
		host := net.JoinHostPort(address.String(), strconv.Itoa(port))
		return linkView{URL: scheme + "://" + host + "/p#" + fragment, Card: card}
	}
	cards, err := rankedCards(at)
	if err != nil {
		return nil, err
	}
	var links []linkView
	for _, card := range cards {
		for _, prefix := range card.Prefixes {
			if address := prefix.Addr(); !address.IsLoopback() || address == at || len(links) == 0 {
				links = append(links, link(address, card.Name))
			}
		}
	}
	if len(links) == 0 && !at.IsUnspecified() { // IPv6
		links = append(links, link(at, ""))
	}
	return links, nil
}

// rankedCards are the network cards of a router that is bound to an address, the likeliest
// first.
func rankedCards(at netip.Addr) ([]discovery.Link, error) {
	cards, err := discovery.Links(at)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(cards, func(a, b discovery.Link) int { return cmp.Compare(cardRank(a), cardRank(b)) })
	return cards, nil
}

// Ranks of network cards: a phone's way to the router is more likely the one before.
const (
	rankWired = iota
	rankWireless
	rankVirtual // or of a system that does not tell
	rankLoopback
)

// cardRank asks what the kernel says of a card (Linux, sysfs).
func cardRank(card discovery.Link) int {
	has := func(what string) bool {
		_, err := os.Stat(filepath.Join("/sys/class/net", filepath.Base(card.Name), what))
		return err == nil
	}
	switch {
	case card.Prefixes[0].Addr().IsLoopback():
		return rankLoopback
	case has("wireless"):
		return rankWireless
	case has("device"):
		return rankWired
	}
	return rankVirtual
}
