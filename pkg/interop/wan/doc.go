// Package wan is a wide-area network in one machine: hosts in network
// namespaces, a TUN device each, and a hub in user space between them that
// gives every packet the delay, jitter, loss, repetition, reordering and rate
// of the lines it passes. It needs no sch_netem of the kernel, and can do what
// netem cannot: NAT of several kinds, partitions, changes of address.
//
// Host 3 has 10.3.0.1 and 2a0b:3:0::1, as public ones look: i2pd publishes no others. All its traffic meets an up line (out of
// the host) and a down line (into it), so that hosts with a delay of 50 ms on each are
// 200 ms of round trip apart. Nothing leaves the namespaces: there is no route from
// them to the machine or its network.
//
// It runs on Linux, as root, with iproute2, and with nft where there is NAT.
package wan
