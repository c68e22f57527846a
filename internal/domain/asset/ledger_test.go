package asset_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault/faulttest"
	"sekimori/internal/kit/sheet"
	"sekimori/internal/kit/wire"
)

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	good := asset.Asset{Number: "ＵＳＢ－０００１", Kind: asset.USBMemory, Capacity: 32e9, Department: "d_gen", Keeper: "per_gen"}
	for what, tt := range map[string]struct {
		id     string
		change func(*asset.Asset)
	}{
		"no number":           {"number:fault.required", func(a *asset.Asset) { a.Number = " \u200b" }},
		"a number for paths":  {"number:fault.asset_number", func(a *asset.Asset) { a.Number = "../x" }},
		"a line break":        {"number:fault.asset_number", func(a *asset.Asset) { a.Number = "USB\x001" }},
		"no kind":             {"kind:fault.required", func(a *asset.Asset) { a.Kind = "" }},
		"an odd kind":         {"kind:fault.unknown_choice", func(a *asset.Asset) { a.Kind = "cloud" }},
		"an odd encryption":   {"encryption:fault.unknown_choice", func(a *asset.Asset) { a.Encryption = "rot13" }},
		"less than nothing":   {"capacity:fault.asset_capacity", func(a *asset.Asset) { a.Capacity = -1 }},
		"more than a PB":      {"capacity:fault.asset_capacity", func(a *asset.Asset) { a.Capacity = asset.MaxCapacity + 1 }},
		"no hexadecimal":      {"vendor:fault.asset_usb_id", func(a *asset.Asset) { a.Identity.Vendor = "09zz" }},
		"control characters":  {"serial:fault.asset_serial", func(a *asset.Asset) { a.Identity.Serial = "AA\x1b[2J" }},
		"a hidden character":  {"serial:fault.asset_serial", func(a *asset.Asset) { a.Identity.Serial = "AA\u202e01" }},
		"a serial of a novel": {"serial:fault.asset_serial", func(a *asset.Asset) { a.Identity.Serial = strings.Repeat("A", 200) }},
		"no department":       {"department:fault.required", func(a *asset.Asset) { a.Department = "" }},
		"no such department":  {"department:fault.asset_department", func(a *asset.Asset) { a.Department = "d_none" }},
		"no keeper":           {"keeper:fault.required", func(a *asset.Asset) { a.Keeper = "" }},
		"a keeper who left":   {"keeper:fault.unknown_person", func(a *asset.Asset) { a.Keeper = "per_old" }},
		"a long model":        {"model:fault.too_long", func(a *asset.Asset) { a.Model = strings.Repeat("あ", 101) }},
	} {
		a := good
		tt.change(&a)
		_, err := h.Add(ctx, h.as("per_it"), a)
		faulttest.Refused(t, what, tt.id, err)
	}
	for person, id := range map[string]string{"per_emp": "fault.denied", "per_gen": "fault.denied", "per_aud": "fault.auditor_readonly"} {
		_, err := h.Add(ctx, h.as(person), good)
		faulttest.Refused(t, person, id, err)
	}
	if p := must(h.Find(ctx, h.as("per_it"), asset.Query{}))(t); len(p.Rows) != 0 {
		t.Fatalf("something was added: %+v", p.Rows)
	}
	a := must(h.Add(ctx, h.as("per_it"), good))(t)
	if a.Number != "USB-0001" || a.State != asset.InStore || a.Version != 1 || a.Strength() != asset.Unknown {
		t.Errorf("added %+v", a)
	}
	good.Number = "usb-0001"
	_, err := h.Add(ctx, h.as("per_pm"), good)
	faulttest.Refused(t, "the number again", "number:fault.asset_number_taken", err)
}

func TestChangeOfTwoAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	a := *h.stick("USB-0001")
	one, two := a, a
	one.Place, two.Place = "金庫", "棚"
	got := must(h.Change(ctx, h.as("per_it"), one))(t)
	if got.Place != "金庫" || got.Version != 2 {
		t.Errorf("changed %+v", got)
	}
	_, err := h.Change(ctx, h.as("per_pm"), two)
	faulttest.Refused(t, "from an older version", "fault.asset_stale", err)
	_, err = h.Change(ctx, h.as("per_gen"), two)
	faulttest.Refused(t, "by the keeper", "fault.denied", err)
	_, err = h.Change(ctx, h.as("per_emp"), two)
	faulttest.Refused(t, "by a stranger", "fault.not_found", err)
	if got := h.kinds("USB-0001"); got != "asset.added asset.changed" {
		t.Errorf("record: %s", got)
	}
}

func TestStatesFollowTheirVerbs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.stick("USB-0001")
	set := func(person string, to asset.State) error {
		return h.SetState(ctx, h.as(person), "USB-0001", to, "画面が割れた")
	}
	for _, to := range []asset.State{asset.Lent, asset.Overdue, asset.Lost, asset.Disposed, "", "new"} {
		faulttest.Refused(t, string(to), "state:fault.unknown_choice", set("per_it", to))
	}
	faulttest.Refused(t, "in store already", "fault.asset_state.in_store", set("per_it", asset.InStore))
	ok(t, set("per_gen", asset.InRepair))
	req := h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), request.Approved)
	_, err := h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0001"})
	faulttest.Refused(t, "lent while in repair", "fault.asset_state.in_repair", err)
	ok(t, set("per_it", asset.InStore))
}

func TestDisposalWantsTwoPeople(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	a := h.stick("USB-0001")
	h.stick("USB-0002")
	p := must(h.AddPhoto(ctx, h.as("per_gen"), "USB-0002", asset.Upload{Name: "x.png", Type: "image/png", Body: strings.NewReader("png")}))(t)
	faulttest.Refused(t, "no method", "method:fault.required", h.AskDisposal(ctx, h.as("per_it"), "USB-0001", asset.Disposal{}))
	faulttest.Refused(t, "an odd method", "method:fault.unknown_choice", h.AskDisposal(ctx, h.as("per_it"), "USB-0001", asset.Disposal{Method: "eaten"}))
	faulttest.Refused(t, "another thing's proof", "proof:fault.unknown_choice", h.AskDisposal(ctx, h.as("per_it"), "USB-0001", asset.Disposal{Method: "destroyed", Proof: p.ID}))
	faulttest.Refused(t, "not asked for", "fault.asset_no_disposal", h.ConfirmDisposal(ctx, h.as("per_it"), "USB-0001"))
	ok(t, h.AskDisposal(ctx, h.as("per_it"), "USB-0001", asset.Disposal{Method: "destroyed", Note: "切断した", ConfirmedBy: "per_pm", ConfirmedAt: h.clock()}))
	if got := must(h.db.Asset(ctx, a.ID))(t); got.State != asset.InStore || !got.Disposal.Open() {
		t.Fatalf("asked for and done at once: %+v", got.Disposal)
	}
	faulttest.Refused(t, "confirmed by who asked", "fault.own_not_allowed", h.ConfirmDisposal(ctx, h.as("per_it"), "USB-0001"))
	faulttest.Refused(t, "confirmed by the keeper", "fault.denied", h.ConfirmDisposal(ctx, h.as("per_gen"), "USB-0001"))
	req := h.grant("per_emp", asset.KindLoan, h.form("USB-0001", "dev_emp"), request.Approved)
	_, err := h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: req, Asset: "USB-0001"})
	faulttest.Refused(t, "lent meanwhile", "fault.asset_disposal_open", err)
	ok(t, h.DropDisposal(ctx, h.as("per_pm"), "USB-0001", "まだ使う"))
	ok(t, h.AskDisposal(ctx, h.as("per_it"), "USB-0001", asset.Disposal{Method: "destroyed"}))
	ok(t, h.ConfirmDisposal(ctx, h.as("per_pm"), "USB-0001"))
	got := must(h.db.Asset(ctx, a.ID))(t)
	if got.State != asset.Disposed || got.Disposal.By != "per_it" || got.Disposal.ConfirmedBy != "per_pm" {
		t.Errorf("disposed: %+v", got)
	}
	_, err = h.Change(ctx, h.as("per_it"), *got)
	faulttest.Refused(t, "changed afterwards", "fault.asset_state.disposed", err)
}

func TestPhotos(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.stick("USB-0001")
	add := func(person, media, body string) (asset.Photo, error) {
		return h.AddPhoto(ctx, h.as(person), "USB-0001", asset.Upload{Name: `..\..\写真".png`, Type: media, Body: strings.NewReader(body)})
	}
	_, err := add("per_emp", "image/png", "x")
	faulttest.Refused(t, "by a stranger", "fault.not_found", err)
	_, err = add("per_gen", "image/svg+xml", "x")
	faulttest.Refused(t, "a script", "file:fault.asset_photo_type", err)
	_, err = add("per_gen", "image/png", "")
	faulttest.Refused(t, "nothing", "file:fault.empty_file", err)
	_, err = add("per_gen", "image/png", strings.Repeat("x", 10<<20+1))
	faulttest.Refused(t, "too large", "fault.too_large", err)
	p := must(add("per_gen", "image/png", "png"))(t)
	if strings.ContainsAny(p.Name, `/\"`) || p.Size != 3 {
		t.Errorf("kept %+v", p)
	}
	_, r, err := h.OpenPhoto(ctx, h.as("per_it"), p.ID)
	ok(t, err)
	if b := must(io.ReadAll(r))(t); string(b) != "png" {
		t.Errorf("opened %q", b)
	}
	_, _, err = h.OpenPhoto(ctx, h.as("per_emp"), p.ID)
	faulttest.Refused(t, "opened by a stranger", "fault.not_found", err)
	if len(h.blobs) != 1 {
		t.Errorf("%d blobs are kept", len(h.blobs))
	}
}

// What two sticks say of themselves makes them twins, for as long as both say so.
func TestTwins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	strength := func(number string) asset.Strength { return must(h.db.Asset(t.Context(), number))(t).Strength() }
	h.registered("USB-0001", "AA00")
	if s := strength("USB-0001"); s != asset.Strong {
		t.Errorf("alone: %s", s)
	}
	h.registered("USB-0002", "AA00")
	if a, b := strength("USB-0001"), strength("USB-0002"); a != asset.Fair || b != asset.Fair {
		t.Errorf("twins: %s, %s", a, b)
	}
	// The second is taken anew, with another serial.
	r := must(h.AskRegistration(t.Context(), h.as("per_it"), "USB-0002", "dev_gen"))(t)
	h.tell("dev_gen", wire.MediaEvent{Key: "again", What: wire.MediaRegistered, Register: r.ID, Token: r.Token, Vendor: "0951", Product: "1666", Serial: "BB", Capacity: 1})
	if a, b := strength("USB-0001"), strength("USB-0002"); a != asset.Strong || b != asset.Strong {
		t.Errorf("no twins any more: %s, %s", a, b)
	}
	h.registered("USB-0003", "")
	if s := strength("USB-0003"); s != asset.Fair {
		t.Errorf("without a serial: %s", s)
	}
	a := must(h.db.Asset(t.Context(), "USB-0001"))(t)
	a.Identity.Serial = "CC"
	_, err := h.Change(t.Context(), h.as("per_it"), *a)
	faulttest.Refused(t, "typed over", "serial:fault.asset_identity_read", err)
}

const header = "管理番号,種別,型番,容量,暗号化,ベンダーID,製品ID,シリアル番号,部門コード,管理者社員番号,保管場所,備考\n"

func (h *house) preview(file string) (asset.Plan, error) {
	return h.PreviewImport(h.t.Context(), h.as("per_it"), strings.NewReader(file))
}

func TestImportNamesEveryBrokenLine(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stick("USB-0001")
	h.registered("USB-0009", "AA00")
	file := header +
		"USB-0002,USBメモリ,架空,32GB,なし,0951,1666,S1,300,0020,棚1,\n" + // sound
		",USBメモリ,,,,,,,300,0020,,\n" + // 3: no number
		"USB-0003,雲,,0,,09zz,,,999,9999,,\n" + // 4
		"USB-0004,USBメモリ,,-1GB,,,,,300,0030,,\n" + // 5: the keeper has left
		"USB-0002,USBメモリ,,,,,,,300,0020,,\n" + // 6: twice
		"USB-0005,USBメモリ,,2PB,,,,,300,0020,,,多すぎる\n" + // 7
		"USB-0009,USBメモリ,,,,1111,,,300,0020,,\n" + // 8: read by a PC
		"USB-0006,USBメモリ," + strings.Repeat("あ", 101) + ",,,,,,300,,,\n" // 9
	p := must(h.preview(file))(t)
	want := map[string]bool{"3 number fault.required": true, "4 kind fault.unknown_choice": true, "4 capacity fault.asset_capacity": true, "4 vendor fault.asset_usb_id": true,
		"4 department fault.unknown_department": true, "4 keeper fault.unknown_number": true, "5 capacity fault.asset_capacity": true, "5 keeper fault.person_left": true,
		"6 number fault.csv_twice": true, "7  fault.csv_extra_cells": true, "7 capacity fault.asset_capacity": true, "8 vendor fault.asset_identity_read": true,
		"8 product fault.asset_identity_read": true, "8 serial fault.asset_identity_read": true, "9 model fault.too_long": true, "9 keeper fault.required": true}
	last := 0
	for _, x := range p.Problems {
		k := fmt.Sprintf("%d %s %s", x.Line, x.Column, x.ID)
		if !want[k] {
			t.Errorf("unexpected: %s", k)
		}
		delete(want, k)
		if x.Line < last {
			t.Error("the lines are out of order")
		}
		last = x.Line
	}
	for k := range want {
		t.Errorf("not named: %s", k)
	}
	_, err := h.ApplyImport(t.Context(), h.as("per_it"), strings.NewReader(file), p.Version, p.Hash)
	faulttest.Refused(t, "applied with problems", "fault.import_problems", err)
	_, err = h.db.Asset(t.Context(), "USB-0002")
	faulttest.Refused(t, "half done", "fault.not_found", err)
	for what, tt := range map[string]struct{ file, id string }{
		"an open quote":     {header + "USB-0007,\"USBメモリ,,\n", "file:fault.csv_quote"},
		"a control":         {header + "USB-\x017,,,\n", "file:fault.csv_control"},
		"nothing":           {"", "file:fault.csv_empty"},
		"something else":    {"社員番号,姓\n1,a\n", "file:fault.asset_csv_header"},
		"too many lines":    {header + strings.Repeat("x,\n", 20_001), "file:fault.csv_rows"},
		"more than a table": {strings.Repeat("x", 9<<20), "fault.too_large"},
	} {
		_, err := h.preview(tt.file)
		faulttest.Refused(t, what, tt.id, err)
	}
	_, err = h.PreviewImport(t.Context(), h.as("per_gen"), strings.NewReader(header))
	faulttest.Refused(t, "by somebody without duty", "fault.denied", err)
}

func TestImportAndExportRoundTrip(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	file := header + "usb-0001,usb memory,𠮷田製 UX,32 GB,ハードウェア,0951,1666,S1,300,0020,棚1,=1+1\n" +
		"USB-0002,USBメモリー,,,,0951,1666,S1,210,0011,,\"二行\nの備考\"\nLOCK-1,ワイヤーロック,,,,,,,300,0020,,\n"
	p := must(h.preview(file))(t)
	if len(p.Problems) != 0 || len(p.Adds) != 3 || p.Lines != 3 {
		t.Fatalf("plan %+v", p)
	}
	_, err := h.ApplyImport(ctx, h.as("per_it"), strings.NewReader(file), p.Version, "")
	faulttest.Refused(t, "without a preview", "hash:fault.import_preview_first", err)
	_, err = h.ApplyImport(ctx, h.as("per_it"), strings.NewReader(file+"\nUSB-0003,pc,,,,,,,300,0020,,\n"), p.Version, p.Hash)
	faulttest.Refused(t, "another file", "fault.import_stale", err)
	must(h.ApplyImport(ctx, h.as("per_it"), strings.NewReader(file), p.Version, p.Hash))(t)
	_, err = h.ApplyImport(ctx, h.as("per_it"), strings.NewReader(file), p.Version, p.Hash)
	faulttest.Refused(t, "a second time", "fault.import_stale", err)
	a := must(h.db.Asset(ctx, "USB-0001"))(t)
	if a.Kind != asset.USBMemory || a.Capacity != 32e9 || a.Encryption != asset.ByHardware || a.Keeper != "per_gen" || a.Note != "=1+1" || !a.SerialTwin {
		t.Errorf("imported %+v", a)
	}
	for _, enc := range []sheet.Encoding{sheet.UTF8BOM, sheet.CP932} {
		var out bytes.Buffer
		head, rows, failed, err := h.Export(ctx, h.as("per_aud"))
		ok(t, err)
		must(sheet.Write(&out, enc, head, rows))(t)
		ok(t, failed())
		p := must(h.preview(out.String()))(t)
		if len(p.Problems) != 0 || p.Unchanged != 3 || len(p.Changes) != 0 {
			t.Errorf("%s comes back as %+v\n%s", enc, p, out.String())
		}
	}
	change := "管理番号,保管場所,状態\nUSB-0001,金庫,貸出中\n"
	p = must(h.preview(change))(t)
	if len(p.Problems) != 1 || p.Problems[0].ID != "fault.asset_state_column" {
		t.Errorf("a state from a file: %+v", p.Problems)
	}
	change = "管理番号,保管場所\nUSB-0001,金庫\n"
	p = must(h.preview(change))(t)
	if len(p.Changes) != 1 || p.Changes[0].Fields[0] != (asset.FieldChange{Column: "place", Old: "棚1", New: "金庫"}) {
		t.Fatalf("plan %+v", p.Changes)
	}
	must(h.ApplyImport(ctx, h.as("per_it"), strings.NewReader(change), p.Version, p.Hash))(t)
	if a := must(h.db.Asset(ctx, "USB-0001"))(t); a.Place != "金庫" || a.Model != "𠮷田製 UX" || !a.SerialTwin {
		t.Errorf("changed to %+v", a)
	}
	_, _, _, err = h.Export(ctx, h.as("per_emp"))
	faulttest.Refused(t, "exported by a stranger", "fault.denied", err)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.stick("USB-0002")
	must(h.Add(ctx, h.as("per_it"), asset.Asset{Number: "SD-1", Kind: asset.SDCard, Model: "100% かくう_X", Department: "d_sales1", Keeper: "per_emp", Place: "２階ロッカー"}))(t)
	for text, want := range map[string]string{
		"usb-000": "USB-0001 USB-0002", "ＵＳＢ": "USB-0001 USB-0002", "aa00": "USB-0001", "カクウ": "SD-1", "%": "SD-1", "_": "SD-1", "2階": "SD-1",
		"usb-0001": "USB-0001", "ＵＳＢ－０００２": "USB-0002", "𠮷田": "SD-1", "よしだ": "SD-1", "森": "USB-0001 USB-0002", "usb 森 0002": "USB-0002", "usb 吉田翔": "", `\`: "", "'; DROP TABLE ast_asset; --": "",
	} {
		p := must(h.Find(ctx, h.as("per_it"), asset.Query{Text: text}))(t)
		var got []string
		for _, r := range p.Rows {
			got = append(got, r.Number)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %v, want %s", text, got, want)
		}
	}
	page := must(h.Find(ctx, h.as("per_it"), asset.Query{Limit: 2}))(t)
	if len(page.Rows) != 2 || page.Next != "USB-0001" {
		t.Fatalf("first page %+v", page)
	}
	page = must(h.Find(ctx, h.as("per_it"), asset.Query{Limit: 2, After: page.Next}))(t)
	if len(page.Rows) != 1 || page.Rows[0].Number != "USB-0002" || page.Next != "" {
		t.Errorf("second page %+v", page)
	}
	for q, want := range map[*asset.Query]int{{Kind: asset.SDCard}: 1, {Keeper: "per_gen"}: 2, {Department: "d_sales1"}: 1, {Strength: asset.Strong}: 1, {State: asset.Lent}: 0, {State: asset.InStore}: 3} {
		if p := must(h.Find(ctx, h.as("per_it"), *q))(t); len(p.Rows) != want {
			t.Errorf("%+v finds %d", q, len(p.Rows))
		}
	}
	_, err := h.Find(ctx, h.as("per_it"), asset.Query{State: "x", Kind: "y", Text: strings.Repeat("a", 101)})
	faulttest.Refused(t, "odd choices", "kind:fault.unknown_choice", err)
	if _, err := h.GuardPolicy(ctx, h.as("per_emp")); err == nil {
		t.Error("anybody reads the guard's policy")
	}
}

func TestGuardPolicy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	p := must(h.GuardPolicy(ctx, h.as("per_aud")))(t)
	if p.Version != 0 || p.Mode != wire.GuardObserve {
		t.Errorf("built in: %+v", p)
	}
	_, err := h.SetGuardPolicy(ctx, h.as("per_aud"), asset.Policy{Mode: wire.GuardOff})
	faulttest.Refused(t, "by the auditor", "fault.auditor_readonly", err)
	_, err = h.SetGuardPolicy(ctx, h.as("per_it"), asset.Policy{Mode: "maybe", Departments: map[string]wire.GuardMode{"d_none": wire.GuardOff}})
	faulttest.Refused(t, "an odd mode", "mode:fault.unknown_choice", err)
	faulttest.Refused(t, "an odd department", "department:fault.asset_department", err)
	p = must(h.SetGuardPolicy(ctx, h.as("per_it"), asset.Policy{Mode: wire.GuardBlock, Departments: map[string]wire.GuardMode{"d_sales": wire.GuardObserve}}))(t)
	_, err = h.SetGuardPolicy(ctx, h.as("per_pm"), asset.Policy{Mode: wire.GuardOff})
	faulttest.Refused(t, "from an older version", "fault.asset_stale", err)
	modes := must(h.Modes(ctx))(t)
	if a, b := modes([]string{"d_sales1", "d_sales", "d_hq"}), modes([]string{"d_gen"}); a != wire.GuardObserve || b != wire.GuardBlock {
		t.Errorf("modes: %s, %s", a, b)
	}
	if got := must(h.GuardPolicy(ctx, h.as("per_it")))(t); got.Version != 1 || got.By != "per_it" || got.Departments["d_sales"] != wire.GuardObserve {
		t.Errorf("set: %+v", got)
	}
	ok(t, h.db.UpdateAssets(ctx, func(tx asset.Tx) error {
		asker := tx.(interface {
			GuardMode(ctx context.Context, department string) (wire.GuardMode, error)
		})
		for dep, want := range map[string]wire.GuardMode{"d_hq": wire.GuardBlock, "d_sales": wire.GuardObserve, "d_sales1": wire.GuardObserve, "d_gen": wire.GuardBlock, "d_none": wire.GuardBlock} {
			if m, err := asker.GuardMode(ctx, dep); err != nil || m != want {
				t.Errorf("%s: %s, %v", dep, m, err)
			}
		}
		return nil
	}))
}
