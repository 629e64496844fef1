//go:build !linux

package ssu2link

import "i2ptoolkit/pkg/transport"

func newSender(conn transport.PacketConn) sender { return &single{conn: conn} }

func newReceiver(conn transport.PacketConn) receiver { return &single{conn: conn} }
