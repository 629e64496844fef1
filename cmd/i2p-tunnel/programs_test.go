//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/filelock"
)

// programs are those that the scripts run.
var programs = map[string]func(){
	"i2p-tunnel": main, "super": super, "activate": activate, "ask": ask, "stop-router": stopRouter,
}

// super is inetd: it tells in FILE where it listens, and starts a program for each connection.
//
//	super FILE PROGRAM ARGUMENT…
func super() {
	l := listenAt(os.Args[1])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		file, err := conn.(interface{ File() (*os.File, error) }).File()
		check(err)
		conn.Close()
		cmd := exec.Command(os.Args[2], os.Args[3:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, file
		check(cmd.Start())
		file.Close()
		go cmd.Wait()
	}
}

// activate is systemd's socket activation. With "accept" it passes the first connection, and
// else what listens.
//
//	activate accept|listen FILE PROGRAM ARGUMENT…
func activate() {
	l := listenAt(os.Args[2])
	var socket interface{ File() (*os.File, error) } = l.(*net.TCPListener)
	if os.Args[1] == "accept" {
		conn, err := l.Accept()
		check(err)
		socket = conn.(*net.TCPConn)
	}
	file, err := socket.File()
	check(err)
	check(unix.Dup2(int(file.Fd()), firstActivated))
	os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	os.Setenv("LISTEN_FDS", "1")
	path, err := exec.LookPath(os.Args[3])
	check(err)
	check(syscall.Exec(path, os.Args[3:], os.Environ()))
}

// ask sends stdin to the socket that FILE names, and says what comes back.
//
//	ask FILE
func ask() {
	var address []byte
	for len(address) == 0 {
		address, _ = os.ReadFile(os.Args[1])
		time.Sleep(time.Millisecond)
	}
	conn, err := net.Dial("tcp", string(address))
	check(err)
	go func() {
		io.Copy(conn, os.Stdin)
		conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	check(err)
}

// stopRouter has a fake router go, and waits until it has.
//
//	stop-router SOCKET
func stopRouter() {
	ctx := context.Background()
	c := client.New(os.Args[1])
	check(c.StopNow(ctx))
	for {
		if lock, err := filelock.Take(os.Args[1] + ".lock"); err == nil {
			lock.Release()
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func listenAt(file string) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	check(os.WriteFile(file+".new", []byte(l.Addr().String()), 0o600))
	check(os.Rename(file+".new", file))
	return l
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
