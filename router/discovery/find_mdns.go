// Finding routers by multicast DNS on one link.

package discovery

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// askEvery is the time between two questions (RFC 6762 section 5.2). Routers answer at most
// once a second, so the first may have been heard as late as that.
const askEvery = time.Second

// browse asks on a link who is there until ctx ends.
func browse(ctx context.Context, link Link, found func(Found)) error {
	s, err := openSocket(link)
	if err != nil {
		return err
	}
	defer s.close()
	heard := neighbours{instances: map[dnsmessage.Name]*neighbour{}, hosts: map[dnsmessage.Name][]netip.Addr{}}
	for next := time.After(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-next:
			next = time.After(askEvery)
			question, err := heard.question()
			if err != nil {
				return err
			}
			if err := s.send(question); err != nil {
				return err
			}
		case p, more := <-s.packets:
			if !more {
				return s.err
			}
			if m, err := parse(p.data); err == nil && m.response && p.from.Port() == uint16(group.Port) {
				heard.take(m)
				heard.complete(found)
			}
		}
	}
}

// neighbours is what has been heard on a link, in pieces.
type neighbours struct {
	instances map[dnsmessage.Name]*neighbour
	hosts     map[dnsmessage.Name][]netip.Addr
}

type neighbour struct {
	label string // of the instance
	srv   *dnsmessage.SRVResource
	txt   []string
}

// question asks for all instances, and for what is missing of those that are known.
func (n *neighbours) question() ([]byte, error) {
	const atMost = 10 // so that it fits into one packet
	b := newBuilder(dnsmessage.Header{})
	b.do(b.StartQuestions())
	ask := func(name dnsmessage.Name, kind dnsmessage.Type) {
		b.do(b.Question(dnsmessage.Question{Name: name, Type: kind, Class: dnsmessage.ClassINET}))
	}
	ask(service, dnsmessage.TypePTR)
	asked := 0
	for name, i := range n.instances {
		switch {
		case asked == atMost:
			return b.finish()
		case i.srv == nil || i.txt == nil:
			ask(name, dnsmessage.TypeALL)
			asked++
		case n.hosts[i.srv.Target] == nil:
			ask(i.srv.Target, dnsmessage.TypeA)
			asked++
		}
	}
	return b.finish()
}

// take keeps what an answer says of routers. Names are compared as they are written here: one
// who answers writes its own always the same way.
func (n *neighbours) take(m message) {
	for _, a := range m.answers {
		ptr, ok := a.Body.(*dnsmessage.PTRResource)
		label, below := labelOf(ptr, service)
		switch {
		case !ok || !below || !same(a.Header.Name, service):
		case a.Header.TTL == 0: // goodbye
			delete(n.instances, ptr.PTR)
		case n.instances[ptr.PTR] == nil && len(n.instances) < maxFound:
			n.instances[ptr.PTR] = &neighbour{label: label}
		}
	}
	for _, a := range m.answers {
		switch body := a.Body.(type) {
		case *dnsmessage.SRVResource:
			if i := n.instances[a.Header.Name]; i != nil {
				i.srv = body
			}
		case *dnsmessage.TXTResource:
			if i := n.instances[a.Header.Name]; i != nil {
				i.txt = append([]string{}, body.TXT...) // never nil
			}
		}
	}
	fresh := map[dnsmessage.Name]bool{} // hosts whose addresses replace what was known
	for _, a := range m.answers {
		body, ok := a.Body.(*dnsmessage.AResource)
		if !ok || a.Header.TTL == 0 || len(n.hosts) >= maxFound {
			continue
		}
		if !fresh[a.Header.Name] {
			fresh[a.Header.Name] = true
			n.hosts[a.Header.Name] = nil
		}
		n.hosts[a.Header.Name] = append(n.hosts[a.Header.Name], netip.AddrFrom4(body.A))
	}
}

// complete passes on what is known completely.
func (n *neighbours) complete(found func(Found)) {
	for _, i := range n.instances {
		if i.srv == nil || i.txt == nil || n.hosts[i.srv.Target] == nil {
			continue
		}
		info := infoFromTXT(i.txt)
		if info.Port == 0 {
			info.Port = int(i.srv.Port)
		}
		if info.Name == "" {
			info.Name = i.label
		}
		if info.Port > 0 {
			found(Found{Info: info, Addresses: slices.Clone(n.hosts[i.srv.Target]), source: byMDNS, host: i.srv.Target.String()})
		}
	}
}

// labelOf returns what stands before the parent in the name a PTR record leads to.
func labelOf(ptr *dnsmessage.PTRResource, parent dnsmessage.Name) (label string, below bool) {
	if ptr == nil || ptr.PTR.Length <= parent.Length+1 {
		return "", false
	}
	at := ptr.PTR.Length - parent.Length
	var tail dnsmessage.Name
	tail.Length = uint8(copy(tail.Data[:], ptr.PTR.Data[at:ptr.PTR.Length]))
	return string(ptr.PTR.Data[:at-1]), same(tail, parent) && ptr.PTR.Data[at-1] == '.'
}
