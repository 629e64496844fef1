package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
)

// maxResident is what a hostile file may make a program use, in KiB (SECURITY, row 11).
const maxResident = memoryFactor * 64 << 10

// measured is: measured STATUS PROGRAM ARGUMENT…. The program must end with the status, one
// line on stderr, nothing on stdout, and little memory used.
func measured(status string, args []string) error {
	want, err := strconv.Atoi(status)
	if err != nil {
		return err
	}
	var out, said bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	resident := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	fmt.Printf("%s: status %d, %d MiB: %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), resident>>10, said.String())
	switch {
	case cmd.ProcessState.ExitCode() != want:
		return fmt.Errorf("status %d, expected %d", cmd.ProcessState.ExitCode(), want)
	case strings.Count(said.String(), "\n") != 1 || out.Len() > 0:
		return fmt.Errorf("one line on stderr is expected, and nothing on stdout: %q", out.String())
	case resident > maxResident:
		return fmt.Errorf("%d KiB of memory, at most %d are allowed", resident, maxResident)
	}
	return nil
}

// makeEvil is: make-evil KIND KEY BASE. It writes a hostile zip to BASE.zip, and signs it
// as BASE.su3: whoever has a key can be evil.
func makeEvil(kind, key, base string) error {
	secret, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	certificate, err := os.ReadFile(strings.TrimSuffix(key, keySuffix) + certificateSuffix)
	if err != nil {
		return err
	}
	signer, _, err := reseed.LoadSigner(secret, certificate)
	if err != nil {
		return err
	}
	header := su3.Header{Version: fmt.Sprint(time.Now().Unix()), FileType: su3.ZIP, ContentType: su3.Reseed}
	content, err := evilZip(kind)
	if err != nil {
		return err
	}
	signed, err := su3.Sign(signer, header, content)
	if err != nil {
		return err
	}
	if kind == "length" { // the header says 4 GiB and more
		binary.BigEndian.PutUint64(signed[16:], 1<<33)
	}
	return errors.Join(os.WriteFile(base+".su3", signed, 0o600), os.WriteFile(base+".zip", content, 0o600))
}

const plausible = "routerInfo-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.dat"

func evilZip(kind string) ([]byte, error) {
	switch kind {
	case "traversal":
		return zipOf(map[string]int{"../../etc/passwd": 10})
	case "absolute":
		return zipOf(map[string]int{"/etc/passwd": 10})
	case "backslash":
		return zipOf(map[string]int{`..\..\autoexec.bat`: 10})
	case "bomb": // a lot of nothing
		return zipOf(map[string]int{plausible: 1 << 24})
	case "liar":
		return liar()
	case "million":
		return crowd(1_000_000), nil
	case "crowd": // as many as a bundle's bytes allow
		return crowd(80_000), nil
	case "garbage": // what was meant for RouterInfos, each damaged in another way
		files := make(map[string]int)
		for i := range 100 {
			files["routerInfo-"+i2p.HashOf([]byte{byte(i)}).String()+".dat"] = 100 + i
		}
		return zipOf(files)
	case "length":
		return zipOf(map[string]int{plausible: 10})
	}
	return nil, fmt.Errorf("no evil is called %q", kind)
}

// zeros is a file of zeros, as long as it takes.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func zipOf(files map[string]int) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, size := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.CopyN(w, zeros{}, int64(size))
		}
		if err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// liar announces a few bytes for what unpacks to a lot.
func liar() ([]byte, error) {
	var packed, b bytes.Buffer
	deflate, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	io.CopyN(deflate, zeros{}, 1<<24)
	deflate.Close()
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: plausible, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(nil),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: 900,
	})
	if err != nil {
		return nil, err
	}
	w.Write(packed.Bytes())
	err = z.Close()
	return b.Bytes(), err
}

// crowd has so many entries, all the same one (APPNOTE, 4.3.12 and 4.3.16), of which the
// end of the directory tells the lower 16 bits.
func crowd(n int) []byte {
	const name = "a"
	entry := append([]byte("PK\x01\x02"), make([]byte, 42)...)
	entry[28] = byte(len(name))
	b := append([]byte("PK\x03\x04"), make([]byte, 26)...) // that it begins like a zip
	start := len(b)
	b = append(b, bytes.Repeat(append(entry, name...), n)...)
	end := append([]byte("PK\x05\x06"), make([]byte, 18)...)
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(len(b)-start))
	binary.LittleEndian.PutUint32(end[16:], uint32(start))
	return append(b, end...)
}
