// The records of one router on one link, and the messages that hold them.

package discovery

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// lifetime is how long others may remember our records, in seconds. RFC 6762 section 10
	// recommends that of addresses, and 75 minutes for the rest; but a router that has lost
	// power says no goodbye, and should not stand in lists for so long.
	lifetime = 120
	// legacyLifetime is the most that a simple resolver may be told, which hears of no
	// changes (RFC 6762 section 6.7).
	legacyLifetime = 10
	typeNSEC       = dnsmessage.Type(47)
)

// records are what a router says on one link.
type records struct {
	instance, host dnsmessage.Name
	info           Info
	addresses      []netip.Addr
}

// newRecords makes the records of a router whose addresses are those of host.
func newRecords(i Info, host dnsmessage.Name, on Link) (records, error) {
	r := records{host: host, info: i}
	for _, prefix := range on.Prefixes {
		r.addresses = append(r.addresses, prefix.Addr())
	}
	var err error
	if r.instance, err = instance(i.Name); err != nil {
		return r, err
	}
	_, err = r.answer(lifetime) // whether all of it can be said shows now and never again
	return r, err
}

// srv says where the router is: the record that is claimed.
func (r records) srv() dnsmessage.SRVResource {
	return dnsmessage.SRVResource{Port: uint16(r.info.Port), Target: r.host}
}

// answer is the message that tells everything, or with a ttl of 0 takes it back.
func (r records) answer(ttl uint32) ([]byte, error) {
	return r.message(dnsmessage.Header{Response: true, Authoritative: true}, nil, ttl, topBit)
}

// legacyAnswer tells the same to a simple resolver, which gets its question back and would
// not understand the top bit (RFC 6762 section 6.7).
func (r records) legacyAnswer(id uint16, q dnsmessage.Question) ([]byte, error) {
	q.Class &^= topBit
	return r.message(dnsmessage.Header{ID: id, Response: true, Authoritative: true}, []dnsmessage.Question{q}, legacyLifetime, 0)
}

// probe asks who has the name, and says what will be claimed (RFC 6762 section 8.1). It asks
// for answers to everybody: with several programs on the port, only one of them would get
// those to this machine.
func (r records) probe() ([]byte, error) {
	b := newBuilder(dnsmessage.Header{})
	b.do(b.StartQuestions())
	b.do(b.Question(dnsmessage.Question{Name: r.instance, Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET}))
	b.do(b.StartAuthorities())
	b.do(b.SRVResource(dnsmessage.ResourceHeader{Name: r.instance, Class: dnsmessage.ClassINET, TTL: lifetime}, r.srv()))
	return b.finish()
}

func (r records) message(h dnsmessage.Header, questions []dnsmessage.Question, ttl uint32, unique dnsmessage.Class) ([]byte, error) {
	shared := func(name dnsmessage.Name) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: ttl}
	}
	own := func(name dnsmessage.Name) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET | unique, TTL: ttl}
	}
	b := newBuilder(h)
	b.do(b.StartQuestions())
	for _, q := range questions {
		b.do(b.Question(q))
	}
	b.do(b.StartAnswers())
	b.do(b.PTRResource(shared(service), dnsmessage.PTRResource{PTR: r.instance}))
	if ttl > 0 { // others may have this service still
		b.do(b.PTRResource(shared(services), dnsmessage.PTRResource{PTR: service}))
	}
	b.do(b.SRVResource(own(r.instance), r.srv()))
	b.do(b.TXTResource(own(r.instance), dnsmessage.TXTResource{TXT: r.info.txt()}))
	for _, address := range r.addresses {
		b.do(b.AResource(own(r.host), dnsmessage.AResource{A: address.As4()}))
	}
	// That there is nothing but IPv4 is said too, or some would wait for more (RFC 6762 section 6.1).
	b.do(b.UnknownResource(own(r.host), dnsmessage.UnknownResource{Type: typeNSEC, Data: onlyIPv4(r.host)}))
	return b.finish()
}

// onlyIPv4 is the data of an NSEC record that says so: the name again, then of the first
// block of types one byte, in which bit 1 is type A (RFC 4034 section 4.1).
func onlyIPv4(host dnsmessage.Name) []byte {
	const block, length, typeA = 0, 1, 0x40
	return append(wireForm(host), block, length, typeA)
}

// builder keeps the first error, so that a message can be written down without a ladder.
type builder struct {
	dnsmessage.Builder
	err error
}

func newBuilder(h dnsmessage.Header) *builder {
	b := &builder{Builder: dnsmessage.NewBuilder(nil, h)}
	b.EnableCompression()
	return b
}

func (b *builder) do(err error) { b.err = cmp.Or(b.err, err) }

func (b *builder) finish() ([]byte, error) {
	packet, err := b.Finish()
	if err := cmp.Or(b.err, err); err != nil {
		return nil, fmt.Errorf("write a multicast DNS message: %w", err)
	}
	return packet, nil
}

// asked returns the first question that our records answer and whose answer is not known to
// the one who asks.
func (r records) asked(m message) (dnsmessage.Question, bool) {
	for _, q := range m.questions {
		class := q.Class &^ topBit
		if class != dnsmessage.ClassINET && class != dnsmessage.ClassANY {
			continue
		}
		is := func(kinds ...dnsmessage.Type) bool {
			return q.Type == dnsmessage.TypeALL || slices.Contains(kinds, q.Type)
		}
		switch {
		case same(q.Name, service) && is(dnsmessage.TypePTR) && !r.known(m),
			same(q.Name, services) && is(dnsmessage.TypePTR),
			same(q.Name, r.instance) && is(dnsmessage.TypeSRV, dnsmessage.TypeTXT),
			same(q.Name, r.host) && is(dnsmessage.TypeA, dnsmessage.TypeAAAA, typeNSEC):
			return q, true
		}
	}
	return dnsmessage.Question{}, false
}

// known reports whether one who asks who is there has seen us, and will remember it for some
// time to come (RFC 6762 section 7.1).
func (r records) known(m message) bool {
	return slices.ContainsFunc(m.answers, func(a dnsmessage.Resource) bool {
		ptr, ok := a.Body.(*dnsmessage.PTRResource)
		return ok && same(a.Header.Name, service) && same(ptr.PTR, r.instance) && a.Header.TTL >= lifetime/2
	})
}

// rival returns a record of our instance that is not ours. One that is being taken back is
// none.
func (r records) rival(among []dnsmessage.Resource) *dnsmessage.SRVResource {
	for _, a := range among {
		if srv, ok := a.Body.(*dnsmessage.SRVResource); ok && a.Header.TTL > 0 && same(a.Header.Name, r.instance) && r.compare(srv) != 0 {
			return srv
		}
	}
	return nil
}

// copied reports whether somebody gives our host an address that is not ours: a machine that
// was made from the same image. It cannot be told by the instance, which is the same then.
func (r records) copied(among []dnsmessage.Resource, ours func(netip.Addr) bool) bool {
	return slices.ContainsFunc(among, func(a dnsmessage.Resource) bool {
		body, ok := a.Body.(*dnsmessage.AResource)
		return ok && a.Header.TTL > 0 && same(a.Header.Name, r.host) && !ours(netip.AddrFrom4(body.A))
	})
}

// compare orders our claim and another as their data would be in the message: who is earlier
// gives way to the one who claims the same at the same time (RFC 6762 section 8.2).
func (r records) compare(other *dnsmessage.SRVResource) int {
	ours := r.srv()
	return cmp.Or(
		cmp.Compare(ours.Priority, other.Priority),
		cmp.Compare(ours.Weight, other.Weight),
		cmp.Compare(ours.Port, other.Port),
		bytes.Compare(wireForm(ours.Target), wireForm(other.Target)),
	)
}

// wireForm is a name as it is sent, but in lower case and not compressed.
func wireForm(n dnsmessage.Name) []byte {
	var data []byte
	for label := range bytes.SplitSeq(bytes.ToLower(n.Data[:n.Length]), []byte(".")) {
		data = append(append(data, byte(len(label))), label...) // the last is empty: the root
	}
	return data
}
