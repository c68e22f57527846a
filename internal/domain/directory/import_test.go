package directory_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/sheet"
)

const head = "社員番号,姓,名,セイ,メイ,メールアドレス,電話番号,部門コード,役職,上長社員番号,言語,退職日\n"

func preview(t *testing.T, s *directory.Service, st *directorytest.Store, file string) directory.Plan {
	t.Helper()
	before := st.Now()
	p, err := s.PreviewImport(context.Background(), as(st, "per_it"), strings.NewReader(file))
	if err != nil {
		t.Fatalf("PreviewImport: %v", err)
	}
	if !cmp.Equal(before, st.Now()) || len(st.Events()) > 0 {
		t.Fatal("a preview changed the directory")
	}
	return p
}

// told writes the problems as "line column id", for comparing.
func told(ps []directory.Problem) []string {
	var out []string
	for _, p := range ps {
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%d %s %s", p.Line, p.Column, p.ID)), " "))
	}
	return out
}

func TestPreviewPeople(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	p := preview(t, s, st, head+
		"0040,葛󠄀城, 一 郎 ,ｶﾂﾗｷﾞ,いちろう,Katsuragi@Aoba.Example,03(0000)0040,210,主任,0041,,\n"+
		"0041,藤井,さくら,フジイ,サクラ,,+81-3-0000-0041,200,課長,0010,英語,\n"+
		"0011,𠮷田,翔,ヨシダ,ショウ,yoshida@aoba.example,03-0000-0011,300,,,ja,\n"+
		"0024,山口,葵,ヤマグチ,アオイ,yamaguchi@aoba.example,03-0000-0024,300,,,ja,2026/11/30\n"+
		"0021,石川,直樹,イシカワ,ナオキ,ishikawa@aoba.example,03-0000-0021,300,,,ja,\n")
	if len(p.Problems) > 0 {
		t.Fatalf("problems: %v", told(p.Problems))
	}
	want := directory.Plan{
		Kind: directory.PeopleFile, Encoding: sheet.UTF8, Version: 7, Lines: 5, Unchanged: 1, Hash: p.Hash,
		Adds: []directory.Entry{
			{Line: 2, Key: "0040", Name: "葛󠄀城 一 郎", Fields: []directory.FieldChange{
				{Column: "number", New: "0040"}, {Column: "family", New: "葛󠄀城"}, {Column: "given", New: "一 郎"},
				{Column: "family_kana", New: "カツラギ"}, {Column: "given_kana", New: "イチロウ"}, {Column: "email", New: "katsuragi@aoba.example"},
				{Column: "phone", New: "03-0000-0040"}, {Column: "department", New: "210"}, {Column: "title", New: "主任"}, {Column: "supervisor", New: "0041"}}},
			{Line: 3, Key: "0041", Name: "藤井 さくら", Fields: []directory.FieldChange{
				{Column: "number", New: "0041"}, {Column: "family", New: "藤井"}, {Column: "given", New: "さくら"},
				{Column: "family_kana", New: "フジイ"}, {Column: "given_kana", New: "サクラ"}, {Column: "phone", New: "+81-3-0000-0041"},
				{Column: "department", New: "200"}, {Column: "title", New: "課長"}, {Column: "supervisor", New: "0010"}, {Column: "lang", New: "en"}}},
		},
		Changes: []directory.Entry{{Line: 4, Key: "0011", Name: "𠮷田 翔", Fields: []directory.FieldChange{{Column: "department", Old: "210", New: "300"}}}},
		Leaves:  []directory.Entry{{Line: 5, Key: "0024", Name: "山口 葵", Fields: []directory.FieldChange{{Column: "left", New: "2026-11-30"}}}},
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("plan (-want +got):\n%s", d)
	}
	if len(p.Hash) != 64 {
		t.Errorf("hash = %q", p.Hash)
	}
}

func TestPreviewProblems(t *testing.T) {
	t.Parallel()
	const line = "0040,山田,太郎,ヤマダ,タロウ,%s,%s,%s,,%s,ja,%s\n"
	person := func(mail, phone, dep, boss, left string) string {
		return head + fmt.Sprintf(line, mail, phone, dep, boss, left)
	}
	tests := map[string]struct {
		file string
		want []string
	}{
		"mail":                      {person("yamada@aoba", "", "200", "", ""), []string{"2 email fault.bad_email"}},
		"phone without its zero":    {person("", "300000040", "200", "", ""), []string{"2 phone fault.bad_phone"}},
		"phone with a word":         {person("", "03-0000-004O", "200", "", ""), []string{"2 phone fault.bad_phone"}},
		"date":                      {person("", "", "200", "", "2026-02-30"), []string{"2 left fault.bad_date"}},
		"unknown department":        {person("", "", "999", "", ""), []string{"2 department fault.unknown_department"}},
		"no department":             {person("", "", " ", "", ""), []string{"2 department fault.required"}},
		"unknown supervisor":        {person("", "", "200", "9999", ""), []string{"2 supervisor fault.unknown_number"}},
		"own supervisor":            {person("", "", "200", "0040", ""), []string{"2 supervisor fault.own_supervisor"}},
		"supervisor who left":       {person("", "", "200", "0030", ""), []string{"2 supervisor fault.person_left"}},
		"mail of a colleague":       {person("MORI@aoba.example", "", "200", "", ""), []string{"2 email fault.csv_mail_taken"}},
		"everything at once":        {head + ",,,漢字,,x,1,,,,fr,x\n", []string{"2 family_kana fault.bad_kana", "2 email fault.bad_email", "2 phone fault.bad_phone", "2 lang fault.csv_unknown_lang", "2 left fault.bad_date", "2 number fault.required"}},
		"mail of who left":          {person("okada@aoba.example", "", "200", "", ""), nil},
		"number twice":              {head + "0040,山田,,,,,,200,,,,\n\n0040,山本,,,,,,200,,,,\n", []string{"4 number fault.csv_twice"}},
		"mail twice":                {head + "0040,山田,,,,a@b.example,,200,,,,\n0041,山本,,,,A@b.example,,200,,,,\n", []string{"2 email fault.csv_mail_taken", "3 email fault.csv_mail_taken"}},
		"mails exchanged":           {"社員番号,姓,部門コード,メール\n0020,森,300,ishikawa@aoba.example\n0021,石川,300,mori@aoba.example\n", nil},
		"zeros lost in Excel":       {"社員番号,姓,部門コード\n11,𠮷田,210\n", []string{"2 number fault.csv_zeros"}},
		"two above each other":      {head + "0040,山田,,,,,,200,,0041,,\n0041,山本,,,,,,200,,0040,,\n", []string{"2 supervisor fault.supervisor_loop", "3 supervisor fault.supervisor_loop"}},
		"above their own head":      {"社員番号,姓,部門コード,上長社員番号\n0010,髙橋,200,0011\n", []string{"2 supervisor fault.supervisor_loop"}},
		"the last manager goes":     {"社員番号,姓,部門コード,退職日\n0021,石川,300,2026-12-31\n", []string{"2 left fault.last_manager"}},
		"the last manager is gone":  {"社員番号,姓,部門コード,退職日\n0021,石川,300,2026-1-31\n", []string{"2 left fault.last_manager"}},
		"a column nobody knows":     {"社員番号,姓,部門コード,血液型\n0011,𠮷田,210,A\n", []string{"1 fault.csv_unknown_column"}},
		"a column missing":          {"社員番号,姓,名\n0040,山田,太郎\n", []string{"1 department fault.csv_missing_column"}},
		"the key missing":           {"姓,名,メール\n山田,太郎,\n", []string{"1 number fault.csv_missing_column", "1 department fault.csv_missing_column"}},
		"a column twice":            {"社員番号,姓,部門コード,社員番号\n0011,𠮷田,210,1\n", []string{"1 number fault.csv_column_twice"}},
		"a cell too many":           {"社員番号,姓,部門コード\n0011,𠮷田,210,余り\n", []string{"2 fault.csv_extra_cells"}},
		"a name too long":           {"社員番号,姓,部門コード\n0040," + strings.Repeat("山", 61) + ",210\n", []string{"2 family fault.too_long"}},
		"a character lost":          {"社員番号,姓,部門コード\n0040,〓田,210\n", []string{"2 family fault.csv_lost_char"}},
		"department: own parent":    {"部門コード,部門名,上位部門コード\n200,営業部,200\n", []string{"2 parent fault.department_loop"}},
		"department: circle":        {"部門コード,部門名,上位部門コード\n400,甲,410\n410,乙,400\n", []string{"2 parent fault.department_loop", "3 parent fault.department_loop"}},
		"department: below itself":  {"部門コード,部門名,上位部門コード\n100,役員室,210\n", []string{"2 parent fault.department_loop"}},
		"department: no parent":     {"部門コード,部門名,上位部門コード\n400,甲,999\n", []string{"2 parent fault.unknown_department"}},
		"department: unknown head":  {"部門コード,部門名,部門長社員番号\n200,営業部,9999\n", []string{"2 head fault.unknown_number"}},
		"department: head who left": {"部門コード,部門名,部門長社員番号\n200,営業部,0030\n", []string{"2 head fault.person_left"}},
		"department: no name":       {"部門コード,部門名\n200,\n", []string{"2 name fault.required"}},
		"english names":             {"Employee number,Family name,Department code,E-mail\n0040,山田,200,y@b.example\n", nil},
		"parent in the same file":   {"部門コード,部門名,上位部門コード\n410,乙,400\n400,甲,100\n", nil},
	}
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, st := service(t, nil)
			p := preview(t, s, st, tt.file)
			if d := cmp.Diff(tt.want, told(p.Problems)); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			for _, problem := range p.Problems {
				for _, l := range i18n.Langs() {
					if text := cat.Printer(l).TA(problem.ID, problem.Args); strings.Contains(text, "⟦") {
						t.Errorf("%s: %s", l, text)
					}
				}
			}
			plan, err := s.ApplyImport(context.Background(), as(st, "per_it"), strings.NewReader(tt.file), p.Version, p.Hash)
			if (err == nil) != (len(tt.want) == 0) || len(plan.Problems) != len(tt.want) {
				t.Errorf("ApplyImport: %v, %v", told(plan.Problems), err)
			}
			if err != nil && (fault.As(err) == nil || fault.As(err).ID != "fault.import_problems" || len(st.Events()) > 0 || st.Now().Version != 7) {
				t.Errorf("ApplyImport refused as %v and left %d events", err, len(st.Events()))
			}
		})
	}
}

func TestPreviewRefusesWhatIsNoTable(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	for file, id := range map[string]string{
		"":                 "fault.csv_empty",
		"商品,価格\nりんご,100\n": "fault.csv_unknown_kind",
		"社員番号,姓,部門コード\n1,\"山田\n": "fault.csv_quote",
	} {
		_, err := s.PreviewImport(context.Background(), as(st, "per_it"), strings.NewReader(file))
		f := fault.As(err)
		if f == nil || f.ID != "fault.bad_csv" || len(f.Fields) != 1 || f.Fields[0].ID != id {
			t.Errorf("%q: %v", file, err)
		}
	}
	for _, person := range []string{"per_emp", "per_aud", ""} {
		if _, err := s.PreviewImport(context.Background(), as(st, person), strings.NewReader(head)); !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("preview by %q: %v", person, err)
		}
		if _, err := s.ApplyImport(context.Background(), as(st, person), strings.NewReader(head), 7, "x"); !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("import by %q: %v", person, err)
		}
	}
}

func TestApplyPeople(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	file := head + "0040,山田,太郎,ヤマダ,タロウ,yamada@aoba.example,03-0000-0040,210,主任,0041,,\n" +
		"0041,藤井,さくら,フジイ,サクラ,,,200,,0010,en,\n" +
		"0011,𠮷田,翔,ヨシダ,ショウ,sho@aoba.example,03-0000-0011,210,,,ja,\n" +
		"0024,山口,葵,ヤマグチ,アオイ,yamaguchi@aoba.example,03-0000-0024,300,,,ja,2026-11-30\n" +
		"0030,岡田,進,オカダ,ススム,okada@aoba.example,03-0000-0030,300,,,ja,2026-03-31\n"
	p := preview(t, s, st, file)
	before := st.Now()
	done, err := s.ApplyImport(context.Background(), as(st, "per_it"), strings.NewReader(file), p.Version, p.Hash)
	if err != nil {
		t.Fatalf("ApplyImport: %v %v", err, told(done.Problems))
	}
	if d := cmp.Diff(p, done); d != "" {
		t.Errorf("done (-preview +done):\n%s", d)
	}
	o := st.Now()
	byNumber := map[string]directory.Person{}
	for _, p := range o.People {
		byNumber[p.Number] = p
	}
	yamada, fujii := byNumber["0040"], byNumber["0041"]
	want := directory.Person{ID: yamada.ID, Number: "0040", Family: "山田", Given: "太郎", FamilyKana: "ヤマダ", GivenKana: "タロウ", Email: "yamada@aoba.example",
		Phone: "03-0000-0040", Department: "d_sales1", Supervisor: fujii.ID, Title: "主任", Lang: "ja", Verified: noon}
	if d := cmp.Diff(want, yamada); d != "" {
		t.Errorf("new person (-want +got):\n%s", d)
	}
	if !id.Valid("per", yamada.ID) || fujii.Lang != "en" || fujii.Supervisor != "per_sales" || !fujii.Verified.IsZero() {
		t.Errorf("ids and defaults: %+v", fujii)
	}
	if got := o.People["per_emp"]; got.Email != "sho@aoba.example" || !got.Verified.Equal(noon) {
		t.Errorf("changed mail: %+v", got)
	}
	leaver := o.People["per_dep"]
	if lastMoment := time.Date(2026, 11, 30, 14, 59, 59, 0, time.UTC); !leaver.Active(lastMoment) || leaver.Active(lastMoment.Add(time.Second)) {
		t.Errorf("the last day ends at %v", leaver.Left)
	}
	if d := cmp.Diff(before.People["per_old"], o.People["per_old"]); d != "" || o.People["per_gen"] != before.People["per_gen"] {
		t.Errorf("unchanged people changed: %s", d)
	}
	ev := st.Events()
	if len(ev) != 1 || ev[0].Kind != "directory.imported" || ev[0].Actor != "per_it" || ev[0].Subject != "people" {
		t.Fatalf("events = %+v", ev)
	}
	var data map[string]any
	if err := json.Unmarshal(ev[0].Data, &data); err != nil {
		t.Fatal(err)
	}
	wantData := map[string]any{"kind": "people", "version": 7.0, "sha256": p.Hash, "adds": 2.0, "changes": 1.0, "leaves": 1.0, "unchanged": 1.0}
	if d := cmp.Diff(wantData, data); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
	if again := preview2(t, s, st, file); again.Unchanged != 5 || len(again.Problems) > 0 {
		t.Errorf("the same file again: %+v", again)
	}
}

func preview2(t *testing.T, s *directory.Service, st *directorytest.Store, file string) directory.Plan {
	t.Helper()
	p, err := s.PreviewImport(context.Background(), as(st, "per_it"), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestApplyRefusesWhatWasNotPreviewed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	file := "社員番号,姓,部門コード\n0040,山田,200\n"
	s, st := service(t, nil)
	by := as(st, "per_it")
	p := preview(t, s, st, file)
	if _, err := s.ApplyImport(ctx, by, strings.NewReader(file), p.Version, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a preview: %v", err)
	}
	stale := func(name string, err error) {
		t.Helper()
		if f := fault.As(err); f == nil || f.Kind != fault.Conflict || f.ID != "fault.import_stale" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.ApplyImport(ctx, by, strings.NewReader(strings.Replace(file, "山田", "山本", 1)), p.Version, p.Hash)
	stale("another file", err)
	_, err = s.ApplyImport(ctx, by, strings.NewReader(file), p.Version-1, p.Hash)
	stale("another version", err)
	broken := errors.New("no room")
	st.FailRecord(broken)
	if _, err := s.ApplyImport(ctx, by, strings.NewReader(file), p.Version, p.Hash); !errors.Is(err, broken) || len(st.Now().People) != 9 {
		t.Errorf("without its event: %v", err)
	}
	st.FailRecord(nil)
	if err := s.SetDuties(ctx, by, access.Approver, []string{"per_gen"}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ApplyImport(ctx, by, strings.NewReader(file), p.Version, p.Hash)
	stale("directory changed meanwhile", err)
	if len(st.Now().People) != 9 {
		t.Error("somebody was added")
	}
}

func TestApplyDepartments(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	// The upper department comes after the lower one, and codes are typed full-width.
	file := "部門コード,部門名,上位部門コード,部門長社員番号\n\uff12\uff11\uff11,営業二課,\uff12\uff12\uff10,\uff10\uff10\uff11\uff11\n220,東日本営業部,100,\n210,営業一課,220,\n"
	p := preview(t, s, st, file)
	if _, err := s.ApplyImport(context.Background(), as(st, "per_pm"), strings.NewReader(file), p.Version, p.Hash); err != nil {
		t.Fatalf("ApplyImport: %v", err)
	}
	o := st.Now()
	if len(p.Adds) != 2 || len(p.Changes) != 1 || len(o.Departments) != 6 {
		t.Errorf("plan: %+v", p)
	}
	if d := cmp.Diff([]string{"役員室", "東日本営業部", "営業一課"}, o.Path("d_sales1")); d != "" {
		t.Errorf("Path (-want +got):\n%s", d)
	}
	if p.Adds[0].Key != "211" || o.Departments["d_hq"].Head != "per_pres" {
		t.Errorf("key %q, or a department that the file does not name was changed", p.Adds[0].Key)
	}
}

// What we export is read back as no change, in both encodings, although Shift_JIS
// cannot write everybody's name.
func TestExportComesBackUnchanged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, st := service(t, func(o *directory.Org) {
		edit(o, "per_emp", func(p *directory.Person) { p.Title, p.Supervisor = "−担当〜主任", "per_sales" })
		edit(o, "per_gen", func(p *directory.Person) { p.Phone, p.Lang = "+81-3-0000-0020", "en" })
		edit(o, "per_old", func(p *directory.Person) { p.Left = p.Left.Add(-5 * time.Hour) }) // no midnight
	})
	by := as(st, "per_pm")
	for _, enc := range []sheet.Encoding{sheet.UTF8BOM, sheet.CP932} {
		for kind, export := range map[directory.FileKind]func() ([]string, [][]string, error){
			directory.PeopleFile: func() ([]string, [][]string, error) {
				h, rows, err := s.ExportPeople(ctx, by)
				return h, slices.Collect(rows), err
			},
			directory.DepartmentFile: func() ([]string, [][]string, error) {
				h, rows, err := s.ExportDepartments(ctx, by)
				return h, slices.Collect(rows), err
			},
		} {
			header, rows, err := export()
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := sheet.Write(&b, enc, header, slices.Values(rows)); err != nil {
				t.Fatal(err)
			}
			p := preview(t, s, st, b.String())
			if p.Kind != kind || p.Encoding != enc || p.Unchanged != len(rows) || len(p.Problems)+len(p.Changes)+len(p.Adds)+len(p.Leaves) > 0 {
				t.Errorf("%s %s: %+v", kind, enc, p)
			}
		}
	}
}

// The titles that a person reads in either language are headers that we accept.
func TestTitlesAreHeaders(t *testing.T) {
	t.Parallel()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, st := service(t, nil)
	for _, l := range i18n.Langs() {
		for _, names := range []string{
			"number family given family_kana given_kana email phone department title supervisor lang left",
			"code name parent head",
		} {
			var header []string
			for name := range strings.FieldsSeq(names) {
				header = append(header, cat.Printer(l).T("directory.column."+name))
			}
			if p := preview(t, s, st, strings.Join(header, ",")+"\n"); len(p.Problems) > 0 {
				t.Errorf("%s: %v", l, told(p.Problems))
			}
		}
	}
}

func TestHashIsOfWhatTheFileSays(t *testing.T) {
	t.Parallel()
	s, st := service(t, nil)
	file := "社員番号,姓,部門コード\n0040,山田,200\n"
	var sjis bytes.Buffer
	if _, err := sheet.Write(&sjis, sheet.CP932, []string{"社員番号", "姓", "部門コード"}, slices.Values([][]string{{"0040", " 山田", "200"}})); err != nil {
		t.Fatal(err)
	}
	a, b, c := preview(t, s, st, file), preview(t, s, st, sjis.String()), preview(t, s, st, strings.Replace(file, "200", "210", 1))
	if a.Hash != b.Hash || a.Hash == c.Hash {
		t.Errorf("hashes: %s %s %s", a.Hash, b.Hash, c.Hash)
	}
}

// FuzzPreviewImport holds that any file is refused as a fault or gives a plan, and that
// a plan without problems can be carried out and then changes nothing more.
func FuzzPreviewImport(f *testing.F) {
	f.Add([]byte(head + "0040,山田,太郎,ヤマダ,タロウ,y@aoba.example,03-0000-0040,210,主任,0010,,2026/11/30\n"))
	f.Add([]byte("部門コード,部門名,上位部門コード,部門長社員番号\n400,甲,100,0010\n"))
	f.Add([]byte("number,family,department,supervisor\n0010,x,200,0011\n0011,y,200,0010\n"))
	f.Add([]byte("社員番号,姓,部門コード\n11,〓,210,\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		st := directorytest.New(directorytest.Company())
		s := directory.NewService(st, func() time.Time { return noon })
		by := as(st, "per_it")
		p, err := s.PreviewImport(context.Background(), by, bytes.NewReader(raw))
		if err != nil {
			if fault.As(err) == nil {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if _, err := s.ApplyImport(context.Background(), by, bytes.NewReader(raw), p.Version, p.Hash); (err == nil) != (len(p.Problems) == 0) {
			t.Fatalf("problems %v, applied: %v", told(p.Problems), err)
		}
		if len(p.Problems) > 0 {
			return
		}
		again, err := s.PreviewImport(context.Background(), by, bytes.NewReader(raw))
		if err != nil || again.Unchanged != again.Lines || len(again.Problems) > 0 {
			t.Fatalf("again: %+v, %v", again, err)
		}
	})
}
