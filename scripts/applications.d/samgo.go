//go:build ignore

// A program that uses sam3, a library of Go, at two SAM servers: samgo ADDRESS UDP-PORT ADDRESS UDP-PORT. It needs a
// module of its own.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/eyedeekay/i2pkeys"
	"github.com/eyedeekay/sam3"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
	fmt.Println("streams, a session of parts, datagrams, keys, lookups")
}

func run(serve, serveUDP, ask, askUDP string) error {
	if err := streams(serve, ask); err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	if err := datagrams(serve, serveUDP, ask, askUDP); err != nil {
		return fmt.Errorf("datagrams: %w", err)
	}
	return nil
}

// open makes keys at a SAM server.
func open(at string) (*sam3.SAM, i2pkeys.I2PKeys, error) {
	s, err := sam3.NewSAM(at)
	if err != nil {
		return nil, i2pkeys.I2PKeys{}, err
	}
	keys, err := s.NewKeys(sam3.Sig_EdDSA_SHA512_Ed25519)
	return s, keys, err
}

// streams has lines echoed by who serves, to one who asks with a session of parts.
func streams(serve, ask string) error {
	s, keys, err := open(serve)
	if err != nil {
		return err
	}
	session, err := s.NewStreamSession("serves", keys, sam3.Options_Small)
	if err != nil {
		return err
	}
	defer session.Close()
	ln, err := session.Listen()
	if err != nil {
		return err
	}
	go func() {
		if c, err := ln.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	a, askKeys, err := open(ask)
	if err != nil {
		return err
	}
	primary, err := a.NewPrimarySession("asks", askKeys, sam3.Options_Small)
	if err != nil {
		return err
	}
	defer primary.Close()
	part, err := primary.NewStreamSubSession("part")
	if err != nil {
		return err
	}
	found, err := primary.Lookup(keys.Addr().Base32())
	if err != nil {
		return err
	}
	if found.String() != keys.Addr().String() {
		return fmt.Errorf("lookup says %.20s", found)
	}
	c, err := part.DialI2P(keys.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	back := bufio.NewReader(c)
	for i := range 100 {
		line := strconv.Itoa(i) + "\n"
		if _, err := io.WriteString(c, line); err != nil {
			return err
		}
		if got, err := back.ReadString('\n'); err != nil || got != line {
			return fmt.Errorf("%q came back of %q: %v", got, line, err)
		}
	}
	return nil
}

// datagrams has one come through. sam3's raw ones are not tried: it says PORT without a space before it.
func datagrams(serve, serveUDP, ask, askUDP string) error {
	take, to, err := bind(serve, serveUDP, "takes")
	if err != nil {
		return err
	}
	send, from, err := bind(ask, askUDP, "sends")
	if err != nil {
		return err
	}
	b := make([]byte, 100)
	for range 60 {
		if _, err := send.WriteTo([]byte("hello"), to); err != nil {
			return err
		}
		take.SetReadDeadline(time.Now().Add(time.Second))
		n, who, err := take.ReadFrom(b)
		var wait net.Error
		if errors.As(err, &wait) && wait.Timeout() {
			continue
		}
		if err != nil || string(b[:n]) != "hello" || who.String() != from.String() {
			return fmt.Errorf("%q of %.20q, %v", b[:n], who, err)
		}
		return nil
	}
	return errors.New("none came")
}

func bind(at, port, id string) (d *sam3.DatagramSession, own i2pkeys.I2PAddr, err error) {
	udp, err := strconv.Atoi(port)
	if err != nil {
		return nil, own, err
	}
	s, keys, err := open(at)
	if err == nil {
		d, err = s.NewDatagramSession(id, keys, sam3.Options_Small, udp)
	}
	return d, keys.Addr(), err
}
