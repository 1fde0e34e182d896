// Names in multicast DNS: of the service, of a router's instance of it, and of its host.

package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// The names everybody shares (protocol section 12, RFC 6763 section 9).
var (
	service  = dnsmessage.MustNewName("_clasp._tcp.local.")
	services = dnsmessage.MustNewName("_services._dns-sd._udp.local.")
)

// numbered is the nth name to try for a router that would like to be called name.
func numbered(name string, n int) string {
	if n == 1 {
		return cut(name, maxName)
	}
	suffix := fmt.Sprintf(" (%d)", n)
	return cut(name, maxName-len(suffix)) + suffix
}

// instance is the name of the router's SRV and TXT records. A dot would be taken for the
// end of a label by the codec, and by some browsers, so it is told as a dash here; the name
// in the TXT record keeps it.
func instance(name string) (dnsmessage.Name, error) {
	label := strings.ReplaceAll(name, ".", "-")
	full, err := dnsmessage.NewName(label + "." + service.String())
	if err != nil || label == "" {
		return full, fmt.Errorf("%q cannot be a name in multicast DNS: give another one", name)
	}
	return full, nil
}

// host is the name of the router's addresses. It is not the machine's own name, which the
// system's responder may have claimed with other addresses, but made of the ID and of what
// tells this machine from one that has been copied from it, ID and all. Where that is the
// same too, the copy that gives way has another host with its nth name.
func host(id string, machine []byte, n int) dnsmessage.Name {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %x %d", id, machine, n))
	return dnsmessage.MustNewName("clasp-" + hex.EncodeToString(sum[:6]) + ".local.")
}

// same compares names as the DNS does: without the case of ASCII letters (RFC 6762 section 16).
func same(a, b dnsmessage.Name) bool {
	if a.Length != b.Length {
		return false
	}
	for i := range a.Data[:a.Length] {
		if lower(a.Data[i]) != lower(b.Data[i]) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}
