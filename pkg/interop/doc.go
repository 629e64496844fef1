// Package interop is a harness that tests this toolkit's programs against real
// i2pd routers. It makes a network namespace with nothing but a loopback
// interface, starts a small private I2P network of i2pd 2.56 and 2.59 and of
// our own routers in it, and drives them through their consoles, SAM bridges
// and control sockets.
//
// Every program is started by one thread that lives in the namespace, with a
// parent-death signal: when the test ends, however it ends, its routers end
// and the namespace goes with its last process. Nothing can leave the machine.
//
// The tests run only with I2P_INTEROP=1 in the environment, as root, on Linux;
// scripts/interop, scripts/soak, scripts/bench and scripts/bench-wan prepare what they
// need. TestWAN and scripts/bench-wan give each router a host of a wide-area network.
package interop
