package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"i2ptoolkit/pkg/cli/clitest"
	"i2ptoolkit/pkg/reseed/reseedtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"i2p-reseed":  main,
		"make-netdb":  func() { helper(makeNetDB(os.Args[1], os.Args[2], os.Args[3:]...)) },
		"make-signer": func() { helper(makeSigner(os.Args[1], os.Args[2], os.Args[3], os.Args[4])) },
		"with-server": func() { helper(withServer(os.Args[1:])) },
		"make-evil":   func() { helper(makeEvil(os.Args[1], os.Args[2], os.Args[3])) },
		"make-zip":    func() { helper(makeZip(os.Args[1], os.Args[2], os.Args[3:])) },
		"measured":    func() { helper(measured(os.Args[1], os.Args[2:])) },
	})
}

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestManPage(t *testing.T) { clitest.ManPage(t, program()) }

func helper(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// makeNetDB is: make-netdb DIR COUNT [NETID]
func makeNetDB(dir, count string, network ...string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	cfg := reseedtest.Config{Seed: 1, Count: n, Now: time.Now()}
	if len(network) > 0 {
		if cfg.NetID, err = strconv.Atoi(network[0]); err != nil {
			return err
		}
	}
	return reseedtest.WriteNetDB(dir, cfg)
}

// makeZip is: make-zip ZIP DIR [NAME…]. It puts a directory into a zip, folders and all, and
// empty files of the names beside them.
func makeZip(path, dir string, names []string) error {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := z.Create(name); err != nil {
			return err
		}
	}
	return errors.Join(z.Close(), os.WriteFile(path, b.Bytes(), 0o600))
}

// makeSigner is: make-signer BASE ID FROM UNTIL. It writes BASE.pem and BASE.crt for a key
// that is made sooner than one of RSA-4096; FROM and UNTIL are durations from now.
func makeSigner(base, id, from, until string) error {
	begins, err := time.ParseDuration(from)
	if err != nil {
		return err
	}
	ends, err := time.ParseDuration(until)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id},
		NotBefore: time.Now().Add(begins), NotAfter: time.Now().Add(ends),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(base+".pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(base+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

var listening = regexp.MustCompile(`msg="?serving( metrics)?"? listen=(\S+)`)

// withServer is: with-server ARGUMENT… -- COMMAND. It runs i2p-reseed serve on a free port,
// the shell command with its address in ADDR (and METRICS), and stops the server, which must
// end by itself. What the server says goes to server.log; its process id is in SERVER.
func withServer(args []string) error {
	at := slices.Index(args, "--")
	server := exec.Command("i2p-reseed", append([]string{"serve", "--listen", "127.0.0.1:0"}, args[:at]...)...)
	log, err := os.Create("server.log")
	if err != nil {
		return err
	}
	defer log.Close()
	said, err := server.StderrPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	want := 1 + min(1, slices.Index(args[:at], "--metrics")+1)
	env := append(os.Environ(), fmt.Sprintf("SERVER=%d", server.Process.Pid))
	lines := bufio.NewScanner(said)
	for want > 0 && lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			want--
			env = append(env, map[bool]string{true: "METRICS=", false: "ADDR="}[m[1] != ""]+m[2])
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
		}
	}()
	var failed error
	if want == 0 {
		cmd := exec.Command("sh", "-ec", args[at+1])
		cmd.Env, cmd.Stdout, cmd.Stderr = env, os.Stdout, os.Stderr
		failed = cmd.Run()
	}
	server.Process.Signal(syscall.SIGTERM)
	<-drained
	if err := server.Wait(); err != nil {
		return fmt.Errorf("the server ended with %w", err)
	}
	return failed
}
