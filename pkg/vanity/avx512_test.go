package vanity

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

//go:embed avx512_amd64.s
var avx512Source string

// TestAVX512Source interprets the AVX-512 kernel's source, so that it is proved on machines
// that cannot run it.
func TestAVX512Source(t *testing.T) {
	const from = "TEXT ·hashAVX512"
	m := &avx512{program: expand(t, avx512Source, from), t: t}
	k := &Kernel{Name: "AVX-512", place: sliced(16), run: func(b *batch, nonce uint32) {
		b.prepare(nonce)
		m.memory = map[string][]uint32{
			"first": b.first[:], "last": b.last[:], "states": b.states, "kw5": b.kw5[:], "kw6": b.kw6[:],
		}
		m.run(nonce)
	}}
	if !k.check() {
		t.Fatal("the interpreted kernel differs from crypto/sha256")
	}
}

type instruction struct {
	op   string
	args []string
}

type avx512 struct {
	t       *testing.T
	program []instruction
	memory  map[string][]uint32
	z       [32][16]uint32
	pointer map[string]pointer
	zero    bool
}

// pointer is a general register: an offset into one of the arguments, or a number.
type pointer struct {
	name string
	at   int
}

var operand = regexp.MustCompile(`^(\d*)\((\w+)\)$`)

func (m *avx512) run(nonce uint32) {
	m.pointer = make(map[string]pointer)
	labels := make(map[string]int)
	for i, in := range m.program {
		if strings.HasSuffix(in.op, ":") {
			labels[strings.TrimSuffix(in.op, ":")] = i
		}
	}
	for pc := 0; m.program[pc].op != "RET"; pc++ {
		in := m.program[pc]
		switch in.op {
		case "MOVQ":
			name, _, _ := strings.Cut(in.args[0], "+")
			m.pointer[in.args[1]] = pointer{name: name}
		case "MOVL":
			n := int(nonce)
			if in.args[0] != "nonce+40(FP)" {
				n = m.number(in.args[0])
			}
			m.pointer[in.args[1]] = pointer{at: n}
		case "ADDQ":
			p := m.pointer[in.args[1]]
			p.at += m.number(in.args[0])
			m.pointer[in.args[1]] = p
		case "DECL":
			p := m.pointer[in.args[0]]
			p.at--
			m.pointer[in.args[0]], m.zero = p, p.at == 0
		case "JNZ":
			if !m.zero {
				pc = labels[in.args[0]]
			}
		case "VPBROADCASTD":
			for i, z := 0, m.slice(in.args[1], false); i < len(z); i++ {
				z[i] = uint32(m.pointer[in.args[0]].at)
			}
		case "VZEROUPPER":
		default:
			if !strings.HasSuffix(in.op, ":") {
				m.vector(in)
			}
		}
	}
}

// vector executes an instruction on Z registers: its last operand is the destination.
func (m *avx512) vector(in instruction) {
	last := len(in.args) - 1
	dst := m.slice(in.args[last], false)
	var src [3][]uint32
	for i, a := range in.args[:last] {
		if !strings.HasPrefix(a, "$") {
			src[i] = m.slice(a, in.op == "VPADDD.BCST")
		}
	}
	for i := range dst {
		switch in.op {
		case "VMOVDQU32", "VMOVDQA32":
			dst[i] = src[0][i]
		case "VPADDD", "VPADDD.BCST":
			dst[i] = src[0][i] + src[1][i]
		case "VPRORD":
			dst[i] = bits.RotateLeft32(src[1][i], -m.number(in.args[0]))
		case "VPTERNLOGD":
			dst[i] = ternary(m.number(in.args[0]), dst[i], src[2][i], src[1][i])
		default:
			m.t.Fatalf("unknown instruction %v", in)
		}
	}
}

// ternary looks each bit up in the table of VPTERNLOGD's immediate.
func ternary(table int, a, b, c uint32) (out uint32) {
	for bit := range 32 {
		index := a>>bit&1<<2 | b>>bit&1<<1 | c>>bit&1
		out |= uint32(table>>index&1) << bit
	}
	return out
}

func (m *avx512) slice(arg string, broadcast bool) []uint32 {
	if n, err := strconv.Atoi(strings.TrimPrefix(arg, "Z")); err == nil {
		return m.z[n][:]
	}
	match := operand.FindStringSubmatch(arg)
	if match == nil {
		m.t.Fatalf("operand %q", arg)
	}
	offset, _ := strconv.Atoi(match[1])
	p := m.pointer[match[2]]
	words := m.memory[p.name][(p.at+offset)/4:]
	if !broadcast {
		return words[:16]
	}
	all := make([]uint32, 16)
	for i := range all {
		all[i] = words[0]
	}
	return all
}

func (m *avx512) number(arg string) int {
	if arg == "$(384/16)" {
		return batchLen / 16
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(arg, "$"), 0, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return int(n)
}

type macro struct {
	parameters []string
	body       string
}

// expand reads a function's instructions with the source's macros replaced.
func expand(t *testing.T, source, from string) []instruction {
	macros := make(map[string]macro)
	var program []instruction
	inside := false
	lines := bufio.NewScanner(bytes.NewReader([]byte(strings.ReplaceAll(source, "\\\n", " "))))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "//")
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#define "):
			name, parameters, body := head(strings.TrimPrefix(line, "#define "))
			macros[name] = macro{parameters, body}
		case strings.HasPrefix(line, from):
			inside = true
		case inside && line != "":
			program = appendExpanded(program, macros, line)
		}
	}
	if len(program) == 0 {
		t.Fatalf("no %s in the source", from)
	}
	return program
}

// head splits "NAME(a, b) rest" and "NAME rest".
func head(s string) (name string, args []string, rest string) {
	end := strings.IndexAny(s, " \t(")
	if end < 0 {
		return s, nil, ""
	}
	if s[end] != '(' {
		return s[:end], nil, strings.TrimSpace(s[end:])
	}
	inner, rest, _ := strings.Cut(s[end+1:], ")")
	return s[:end], list(inner), strings.TrimSpace(rest)
}

func list(s string) []string {
	args := strings.Split(s, ",")
	for i := range args {
		args[i] = strings.TrimSpace(args[i])
	}
	return args
}

func appendExpanded(program []instruction, macros map[string]macro, line string) []instruction {
	for one := range strings.SplitSeq(line, ";") {
		one = strings.TrimSpace(one)
		name, args, rest := head(one)
		if mac, ok := macros[name]; ok {
			body := mac.body
			for i, p := range mac.parameters {
				body = regexp.MustCompile(`\b`+p+`\b`).ReplaceAllString(body, fmt.Sprintf("\x00%d\x00", i))
			}
			for i, a := range args {
				body = strings.ReplaceAll(body, fmt.Sprintf("\x00%d\x00", i), a)
			}
			program = appendExpanded(program, macros, body)
		} else if one != "" {
			in := instruction{op: name}
			if rest != "" {
				in.args = list(rest)
			}
			program = append(program, in)
		}
	}
	return program
}
