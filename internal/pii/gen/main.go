// Command gen writes the processor's form of the masks: fill_amd64.s and its declaration. It is a module of its own so
// that the program does not depend on the assembler. Run it in this folder after a change:
//
//	go run . -out ../shuffles_amd64.s -stubs ../shuffles_amd64.go -pkg pii
package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	build.TEXT("shuffleBlocks", build.NOSPLIT, "func(b *byte, n int, tables *[8][16]byte, digit, joint, trigger *uint64)")
	build.Doc("shuffleBlocks makes the masks of n blocks of 64 bytes, n at least 1, with AVX2. It reads two bytes beyond the last block.",
		"tables holds the low and high halves of the three bytes of a fingerprint, then those of the classes.")
	build.Pragma("noescape")
	b := build.Load(build.Param("b"), build.GP64())
	n := build.Load(build.Param("n"), build.GP64())
	tables := build.Load(build.Param("tables"), build.GP64())
	outs := [3]reg.Register{build.Load(build.Param("digit"), build.GP64()), build.Load(build.Param("joint"), build.GP64()), build.Load(build.Param("trigger"), build.GP64())}

	var table [8]reg.VecVirtual
	for i := range table {
		table[i] = build.YMM()
		build.VBROADCASTI128(operand.Mem{Base: tables, Disp: 16 * i}, table[i])
	}
	half := build.YMM() // 0x0F in every byte
	fifteen := build.GP32()
	build.MOVL(operand.U32(0x0F0F0F0F), fifteen)
	build.VMOVD(fifteen, half.AsX())
	build.VPBROADCASTD(half.AsX(), half)
	zero := build.YMM()
	build.VPXOR(zero, zero, zero)

	// bits gives the buckets, or classes, that hold both halves of each byte of v.
	bits := func(v, low, high reg.VecVirtual) reg.VecVirtual {
		l, h := build.YMM(), build.YMM()
		build.VPAND(half, v, l)
		build.VPSRLW(operand.U8(4), v, h)
		build.VPAND(half, h, h)
		build.VPSHUFB(l, low, l)
		build.VPSHUFB(h, high, h)
		build.VPAND(l, h, l)
		return l
	}

	build.Label("block")
	var masks [2][3]reg.GPVirtual
	for side := range 2 {
		at := func(i int) operand.Mem { return operand.Mem{Base: b, Disp: 32*side + i} }
		first := build.YMM()
		build.VMOVDQU(at(0), first)
		class := bits(first, table[6], table[7])
		for k, shift := range []uint64{7, 6} { // the bit of digits, then of joints, to the top of its byte
			top := build.YMM()
			build.VPSLLW(operand.U8(shift), class, top)
			masks[side][k] = build.GP32()
			build.VPMOVMSKB(top, masks[side][k])
		}
		all := bits(first, table[0], table[1])
		for i := 1; i < 3; i++ {
			next := build.YMM()
			build.VMOVDQU(at(i), next)
			build.VPAND(all, bits(next, table[2*i], table[2*i+1]), all)
		}
		build.VPCMPEQB(zero, all, all)
		masks[side][2] = build.GP32()
		build.VPMOVMSKB(all, masks[side][2])
		build.NOTL(masks[side][2])
	}
	for k, out := range outs {
		low, high := masks[0][k].As64(), masks[1][k].As64()
		build.SHLQ(operand.U8(32), high)
		build.ORQ(low, high)
		build.MOVQ(high, operand.Mem{Base: out})
		build.ADDQ(operand.U8(8), out)
	}
	build.ADDQ(operand.U8(64), b)
	build.DECQ(n)
	build.JNZ(operand.LabelRef("block"))
	build.VZEROUPPER()
	build.RET()
	build.Generate()
}
