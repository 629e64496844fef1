//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"i2ptoolkit/pkg/control/client"
)

// TestReadiness: when --notify-fd and systemd's socket are told, the control socket answers and
// the port that it names takes connections.
func TestReadiness(t *testing.T) {
	dir := t.TempDir()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	var said bytes.Buffer
	cmd := exec.Command("i2p-router", "run", "--dir", dir, "--testnet", "--listen", "127.0.0.1:0", "--host", "127.0.0.1", "--notify-fd", "3")
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "NOTIFY_SOCKET=" + filepath.Join(dir, "notify")}
	cmd.ExtraFiles, cmd.Stderr = []*os.File{write}, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ready := func(who string) {
		c := client.New(filepath.Join(dir, "router.sock"))
		defer c.Close()
		st, err := c.Status(t.Context())
		if err != nil || len(st.Addresses) != 2 {
			t.Fatalf("%s was told, and %+v, %v", who, st, err)
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(st.Addresses[0], "NTCP2 "))
		if err != nil {
			t.Fatalf("%s was told, and %v", who, err)
		}
		conn.Close()
	}
	told := make([]byte, 8)
	if n, err := read.Read(told); err != nil || string(told[:n]) != "\n" {
		t.Fatalf("%q, %v: %s", told[:n], err, said.String())
	}
	ready("--notify-fd")
	if n, err := systemd.Read(told); err != nil || string(told[:n]) != "READY=1\n" {
		t.Fatalf("%q, %v", told[:n], err)
	}
	ready("NOTIFY_SOCKET")
	if n, err := read.Read(told); n != 0 || err == nil {
		t.Errorf("the descriptor is not closed: %q", told[:n])
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("after TERM: %v: %s", err, said.String())
	}
}
