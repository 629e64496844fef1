package sam

import (
	"errors"
	"net"
	"testing"
)

// TestSenderGoes: a socket that was opened only to send, while the settings' one was being changed, is closed once that is there.
func TestSenderGoes(t *testing.T) {
	app, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	u := &udpServer{}
	defer u.shut(true)
	to := app.LocalAddr().(*net.UDPAddr)
	if err := u.send([]byte("x"), to); err != nil {
		t.Fatal(err)
	}
	sender := u.conn
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	u.adopt(conn, conn.LocalAddr().String())
	if _, err := sender.WriteToUDP([]byte("x"), to); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket that it was sent from is still open: %v", err)
	}
	if err := u.send([]byte("x"), to); err != nil || u.conn != conn {
		t.Errorf("by the new one: %v", err)
	}
}
