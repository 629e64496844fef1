//go:build linux

package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Bridge joins namespaces to one network, for routers that look at the address
// a peer comes from: on one loopback interface that is always their own.
type Bridge struct {
	*Namespace
	hosts []*Namespace
}

// NewBridge makes a bridge, in a namespace that has nothing else.
func NewBridge() (*Bridge, error) {
	ns, err := New()
	if err != nil {
		return nil, err
	}
	b := &Bridge{Namespace: ns}
	err = ns.Do(func() error {
		var m linkMessage
		m.attribute(unix.IFLA_IFNAME, []byte("br0\x00"))
		m.nest(unix.IFLA_LINKINFO, func() { m.attribute(unix.IFLA_INFO_KIND, []byte("bridge")) })
		if err := m.request(); err != nil {
			return fmt.Errorf("netns: a bridge: %w", err)
		}
		return interfaceUp("br0", netip.Prefix{})
	})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Host makes a namespace with this address on the bridge.
func (b *Bridge) Host(addr netip.Prefix) (*Namespace, error) {
	ns, err := New()
	if err != nil {
		return nil, err
	}
	b.hosts = append(b.hosts, ns)
	port := fmt.Sprintf("host%d", len(b.hosts))
	err = b.Do(func() error {
		bridge, err := interfaceIndex("br0")
		if err != nil {
			return err
		}
		var m linkMessage
		m.attribute(unix.IFLA_IFNAME, []byte(port+"\x00"))
		m.attribute(unix.IFLA_MASTER, binary.NativeEndian.AppendUint32(nil, bridge))
		m.nest(unix.IFLA_LINKINFO, func() {
			m.attribute(unix.IFLA_INFO_KIND, []byte("veth"))
			m.nest(unix.IFLA_INFO_DATA, func() {
				m.nest(vethInfoPeer, func() {
					m.body = append(m.body, make([]byte, unix.SizeofIfInfomsg)...)
					m.attribute(unix.IFLA_IFNAME, []byte("eth0\x00"))
					m.attribute(unix.IFLA_NET_NS_FD, binary.NativeEndian.AppendUint32(nil, uint32(ns.file.Fd())))
				})
			})
		})
		if err := m.request(); err != nil {
			return fmt.Errorf("netns: joining a namespace to the bridge: %w", err)
		}
		return interfaceUp(port, netip.Prefix{})
	})
	if err != nil {
		return nil, err
	}
	return ns, ns.Do(func() error { return interfaceUp("eth0", addr) })
}

// Close ends the bridge and its hosts, with every program in them.
func (b *Bridge) Close() error {
	var errs []error
	for _, ns := range b.hosts {
		errs = append(errs, ns.Close())
	}
	return errors.Join(append(errs, b.Namespace.Close())...)
}

// vethInfoPeer is VETH_INFO_PEER of linux/veth.h.
const vethInfoPeer = 1

// linkMessage is the body of an RTM_NEWLINK request after its ifinfomsg
// (rtnetlink(7)).
type linkMessage struct{ body []byte }

// attribute appends an rtattr: length, type, value, padded to four bytes.
func (m *linkMessage) attribute(kind uint16, value []byte) {
	m.nest(kind, func() { m.body = append(m.body, value...) })
}

// nest appends an attribute whose value is what fill appends.
func (m *linkMessage) nest(kind uint16, fill func()) {
	at := len(m.body)
	m.body = append(m.body, 0, 0, 0, 0)
	fill()
	binary.NativeEndian.PutUint16(m.body[at:], uint16(len(m.body)-at))
	binary.NativeEndian.PutUint16(m.body[at+2:], kind)
	m.body = append(m.body, make([]byte, -len(m.body)&3)...)
}

// request has the kernel make the interface, in the present thread's namespace.
func (m *linkMessage) request() error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	const flags = unix.NLM_F_REQUEST | unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_EXCL
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+unix.SizeofIfInfomsg+len(m.body)))
	b = binary.NativeEndian.AppendUint16(b, unix.RTM_NEWLINK)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(b, make([]byte, 8+unix.SizeofIfInfomsg)...) // sequence number and port id; nothing is known of the interface
	if err := unix.Sendto(s, append(b, m.body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(s, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return errors.New("netlink: no acknowledgement")
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// interfaceIndex is an interface's number in the present thread's namespace.
func interfaceIndex(name string) (index uint32, err error) {
	err = ioctl(name, func(s int, r *unix.Ifreq) error {
		err := unix.IoctlIfreq(s, unix.SIOCGIFINDEX, r)
		index = r.Uint32()
		return err
	})
	return index, err
}

// interfaceUp gives an interface an address, if there is one, and brings it up.
func interfaceUp(name string, addr netip.Prefix) error {
	return ioctl(name, func(s int, r *unix.Ifreq) error {
		if addr.IsValid() {
			mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-addr.Bits()))
			err := r.SetInet4Addr(addr.Addr().AsSlice())
			if err == nil {
				err = unix.IoctlIfreq(s, unix.SIOCSIFADDR, r)
			}
			if err == nil {
				err = r.SetInet4Addr(mask)
			}
			if err == nil {
				err = unix.IoctlIfreq(s, unix.SIOCSIFNETMASK, r)
			}
			if err != nil {
				return err
			}
		}
		r.SetUint16(unix.IFF_UP)
		return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r)
	})
}

// ioctl runs f with a socket and a request for the interface.
func ioctl(name string, f func(s int, r *unix.Ifreq) error) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := f(s, r); err != nil {
		return fmt.Errorf("netns: interface %s: %w", name, err)
	}
	return nil
}
