package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/wire"
)

// TestEveryLendingPageIsSound renders each page of applications, the ledger, loans, media
// and counting in both languages, empty and full, and follows what a reader is offered.
func TestEveryLendingPageIsSound(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	everyone := []string{"hanako", "boss", "manager", "auditor", "admin", "keeper"}
	lists := []string{"/requests", "/requests/new", "/requests/new?kind=loan", "/requests/new?kind=loan_extension", "/assets", "/loans", "/loans?only=waiting", "/loans?only=overdue",
		"/loans?only=open", "/loans?only=all", "/media", "/stocktakes", "/stocktakes/new", "/assets/new", "/assets/import", "/assets/labels", "/settings/approvals", "/settings/approvals/loan",
		"/assets?q=nothing-like-this", "/requests?box=mine&q=nothing", "/morning", "/people/per_hanako"}
	w.walk(t, everyone, lists)
	pc := w.enrolled("PC-0001")
	waiting := w.apply("USB-0001")
	w.post("boss", "/requests/"+waiting+"/ask", url.Values{"text": {"どの客先ですか"}})
	w.post("hanako", "/requests/"+waiting+"/reply", url.Values{"text": {"架空工業さまです"}})
	w.approve("boss", waiting)
	w.approve("manager", waiting)
	must(t, w.parts.Assets.TakeMedia(t.Context(), pc.id, []wire.MediaEvent{
		{Key: "1", At: wire.MicrosOf(time.Now()), What: wire.MediaRefused, Vendor: "0951", Product: "1666", Serial: "X1", Name: "架空 私物", Class: "storage", Why: wire.WhyUnknown, User: "hanako"},
		{Key: "2", At: wire.MicrosOf(time.Now()), What: wire.MediaObserved, Vendor: "0951", Product: "1666", Serial: "X2", Name: "架空 私物", Class: "storage", Why: wire.WhyUnknown, User: "hanako"}}))
	loan := w.lent("USB-0002")
	at := w.post("admin", "/stocktakes/new", url.Values{"title": {"秋の棚卸"}, "due": {time.Now().AddDate(0, 0, 20).Format("2006-01-02")}})
	w.post("keeper", at+"/seen", url.Values{"code": {"USB-0001"}, "place": {"本社3階"}})
	w.post("keeper", at+"/seen", url.Values{"code": {"NOT-OURS"}})
	pages := append(lists, "/requests/"+waiting, "/requests/"+waiting+"/mend", "/loans/new?request="+waiting, "/loans/"+loan, "/assets/USB-0001", "/assets/USB-0002", "/assets/USB-0001/edit",
		"/assets/labels?number=USB-0001", at, "/devices/"+pc.id, "/requests/new?kind=loan&asset=USB-0001", "/requests/new?kind=loan_extension&loan="+loan)
	w.walk(t, everyone, pages)
}

// walk opens pages as people in both languages. A page is shown, sends on, or is refused;
// what it links to is never broken.
func (w *world) walk(t *testing.T, people, pages []string) {
	t.Helper()
	for _, who := range people {
		seen := map[string]bool{}
		for _, path := range pages {
			for _, lang := range []string{"ja", "en"} {
				rec := w.ask(who, lang, path, nil)
				name := who + " " + lang + " " + path
				switch rec.Code {
				case http.StatusSeeOther:
					continue
				case http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusConflict:
				default:
					t.Errorf("%s: status %d\n%s", name, rec.Code, w.log)
				}
				checkHTML(t, name, rec.Body.String())
				if org, err := w.parts.People.Org(t.Context()); err != nil || !strings.Contains(rec.Body.String(), org.NameOf("per_"+who)) || !strings.Contains(rec.Body.String(), " "+w.parts.Version+"<") {
					t.Errorf("%s: the layout names another reader or program", name)
				}
				for _, to := range links(rec.Body.String()) {
					if rec.Code != http.StatusOK || seen[to] || lang == "en" {
						continue
					}
					seen[to] = true
					if code := w.ask(who, lang, to, nil).Code; code != http.StatusOK && code != http.StatusSeeOther {
						t.Errorf("%s offers %s, which answers %d", name, to, code)
					}
				}
			}
		}
	}
}

// links are the pages of this site that a page leads to.
func links(body string) (out []string) {
	for _, part := range strings.Split(body, `href="`)[1:] {
		to, _, _ := strings.Cut(part, `"`)
		to, _, _ = strings.Cut(strings.ReplaceAll(to, "&amp;", "&"), "#")
		if strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/static/") && !strings.HasPrefix(to, "/language") && !strings.HasPrefix(to, "/outbox") {
			out = append(out, to)
		}
	}
	return out
}

// TestOfferedOnlyWhatIsAllowed: a page shows a press to those alone whom the rules let
// press it.
func TestOfferedOnlyWhatIsAllowed(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	label := w.granted("USB-0001")
	loan := "/loans/" + w.lent("USB-0002")
	at := w.post("admin", "/stocktakes/new", url.Values{"title": {"秋の棚卸"}, "due": {time.Now().AddDate(0, 0, 20).Format("2006-01-02")}})
	for _, tc := range []struct {
		path, press string
		who         string // of hanako boss manager auditor admin keeper, those who are offered it
	}{
		{"/assets", `href="/assets/new"`, "manager admin"},
		{"/assets", `href="/assets/import"`, "manager admin"},
		{"/assets", `href="/media"`, "manager auditor admin"},
		{"/assets", `href="/requests/new?kind=loan"`, "hanako boss manager admin keeper"},
		{"/assets/USB-0001", `href="/assets/USB-0001/edit"`, "manager admin"},
		{"/assets/USB-0001", `action="/assets/USB-0001/state"`, "manager admin keeper"},
		{"/assets/USB-0001", `action="/assets/USB-0001/disposal"`, "manager admin"},
		{"/assets/USB-0001", `action="/assets/USB-0001/photos"`, "manager admin keeper"},
		{"/requests/" + label, `href="/loans/new?request=` + label + `"`, "manager"},
		{"/requests/" + label, `action="/requests/` + label + `/decide"`, ""},
		{"/loans?only=waiting", `href="/loans/new?request=` + label + `"`, "manager admin keeper"},
		{loan, `action="` + loan + `/back"`, "manager admin keeper"},
		{loan, `action="` + loan + `/recall"`, "manager admin keeper"},
		{loan, `action="` + loan + `/receive"`, ""},
		{loan, `loan_extension`, "hanako"},
		{loan, `href="/report/lost?asset=USB-0002"`, "hanako manager admin keeper"},
		{"/media", `action="/media/policy"`, "manager admin"},
		{"/stocktakes", `href="/stocktakes/new"`, "manager admin"},
		{at, `action="` + at + `/finish"`, "manager admin"},
		{at, `action="` + at + `/seen"`, "hanako boss manager admin keeper"},
		{"/settings/approvals", `href="/settings/approvals/loan"`, "manager"},
	} {
		for _, who := range []string{"hanako", "boss", "manager", "auditor", "admin", "keeper"} {
			body := strings.ReplaceAll(w.ask(who, "ja", tc.path, nil).Body.String(), "&amp;", "&")
			got, want := strings.Contains(body, tc.press), strings.Contains(" "+tc.who+" ", " "+who+" ")
			if got != want {
				t.Errorf("%s on %s: %s is offered: %v, want %v", who, tc.path, tc.press, got, want)
			}
		}
	}
}

// TestWhatOthersHaveIsHidden: who is neither asked nor concerned meets nothing, not even
// a refusal.
func TestWhatOthersHaveIsHidden(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	w.thing("IT-0001", "0005", "dpt_it")
	label := w.granted("USB-0001")
	loan := w.lent("USB-0002")
	for _, path := range []string{"/assets/IT-0001", "/assets/labels?number=IT-0001", "/assets/USB-9999", "/requests/REQ-2026-9999", "/loans/new?request=" + label} {
		if rec := w.ask("hanako", "ja", path, nil); rec.Code != http.StatusNotFound {
			t.Errorf("hanako at %s: status %d", path, rec.Code)
		}
	}
	for _, path := range []string{"/requests/" + label, "/requests/" + label + "/mend"} {
		if rec := w.ask("keeper", "ja", path, nil); rec.Code != http.StatusNotFound {
			t.Errorf("keeper at %s: status %d", path, rec.Code)
		}
	}
	if rec := w.ask("boss", "ja", "/loans/"+loan, nil); rec.Code != http.StatusNotFound {
		t.Errorf("boss at the loan of another department's thing: status %d", rec.Code)
	}
	for _, path := range []string{"/assets", "/loans?only=all"} {
		if body := w.get("boss", path); strings.Contains(body, "IT-0001") || strings.Contains(body, "USB-0002") {
			t.Errorf("boss sees another department's things on %s", path)
		}
	}
	if rec := w.ask("hanako", "ja", "/media", nil); rec.Code != http.StatusForbidden {
		t.Errorf("hanako at /media: status %d", rec.Code)
	}
	for _, path := range []string{"/assets.csv", "/assets/import", "/stocktakes/new"} {
		if rec := w.ask("hanako", "ja", path, nil); rec.Code != http.StatusForbidden && rec.Code != http.StatusOK {
			t.Errorf("hanako at %s: status %d", path, rec.Code)
		} else if strings.Contains(rec.Body.String(), "IT-0001") {
			t.Errorf("hanako reads another department's thing at %s", path)
		}
	}
	for _, path := range []string{"/requests", "/assets", "/loans", "/stocktakes", "/media", "/loans/new"} {
		if rec := w.ask("", "ja", path, nil); rec.Code != http.StatusSeeOther {
			t.Errorf("a stranger at %s: status %d", path, rec.Code)
		}
	}
}

// TestOpeningALetterDecidesNothing: only the press decides, and only about what was
// shown.
func TestOpeningALetterDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	label := w.apply("USB-0001")
	link := w.letterLink(label, "per_boss")
	state := func() request.State {
		t.Helper()
		r, err := w.db.Request(t.Context(), label)
		must(t, err)
		if len(r.Steps[0].Stamps) > 0 {
			return request.Approved
		}
		return r.State
	}
	first := w.ask("", "ja", link, nil)
	if first.Code != http.StatusOK || state() != request.Waiting {
		t.Fatalf("opening: status %d, %s", first.Code, state())
	}
	w.ask("", "en", link, nil, func(r *http.Request) { r.Method = http.MethodHead })
	checkHTML(t, "letter", first.Body.String())
	old := digest(t, first.Body.String())
	if strings.Contains(first.Body.String(), "dev_") || strings.Contains(first.Body.String(), `href="/assets/`) {
		t.Error("the page behind the link leads further than the request")
	}
	// The applicant changes what they ask for: the old page decides nothing any more.
	form := w.applied("USB-0002")
	form.Set("revision", "1")
	w.post("hanako", "/requests/"+label+"/mend", form)
	link = w.letterLink(label, "per_boss")
	rec := w.ask("", "ja", link, url.Values{"verdict": {"approve"}, "digest": {old}})
	if rec.Code != http.StatusConflict || state() != request.Waiting {
		t.Errorf("the old digest: status %d, %s", rec.Code, state())
	}
	checkHTML(t, "changed", rec.Body.String())
	fresh := digest(t, w.ask("", "ja", link, nil).Body.String())
	for verdict, want := range map[string]int{"refuse": http.StatusUnprocessableEntity, "send_back": http.StatusUnprocessableEntity, "nonsense": http.StatusUnprocessableEntity} {
		rec := w.ask("", "ja", link, url.Values{"verdict": {verdict}, "digest": {fresh}})
		if rec.Code != want || state() != request.Waiting {
			t.Errorf("%s without a reason: status %d, %s", verdict, rec.Code, state())
		}
		checkHTML(t, verdict, rec.Body.String())
	}
	if rec := w.ask("", "ja", link, url.Values{"verdict": {"approve"}, "digest": {fresh}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); rec.Code != http.StatusForbidden || state() != request.Waiting {
		t.Errorf("a form of another site: status %d, %s", rec.Code, state())
	}
	if at := w.post("", link, url.Values{"verdict": {"approve"}, "digest": {fresh}}); at != link || state() != request.Approved {
		t.Errorf("the press led to %s, %s", at, state())
	}
	after := w.ask("", "ja", link, nil).Body.String()
	checkHTML(t, "after", after)
	if strings.Contains(after, `name="digest"`) {
		t.Error("the link decides twice")
	}
	if rec := w.ask("", "ja", "/q/"+strings.TrimPrefix(link, "/q/")[:20]+"x", nil); rec.Code != http.StatusNotFound {
		t.Errorf("a bent link: status %d", rec.Code)
	}
	// A link of a notice is no link of a letter, nor the other way round.
	if rec := w.ask("", "ja", "/a/"+strings.TrimPrefix(link, "/q/"), nil); rec.Code == http.StatusOK {
		t.Error("a letter's token answers a notice")
	}
}

// TestNobodyDecidesTheirOwn by page, by a letter's link, or as a deputy.
func TestNobodyDecidesTheirOwn(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	form := w.applied("USB-0001")
	form.Del("device")
	own := strings.TrimPrefix(w.post("manager", "/requests/new?kind=loan", form), "/requests/")
	if body := w.get("manager", "/requests/"+own); strings.Contains(body, `name="digest"`) {
		t.Error("the applicant is offered the decision")
	}
	v, err := w.parts.Requests.Get(t.Context(), access.System(), own)
	must(t, err)
	rec := w.ask("manager", "ja", "/requests/"+own+"/decide", url.Values{"verdict": {"approve"}, "digest": {v.Digest}})
	if rec.Code == http.StatusSeeOther {
		t.Error("the applicant decided by the page")
	}
	// A token forged for themself is none: letters go to those who are asked.
	if r, err := w.db.Request(t.Context(), own); err != nil || len(r.Steps[0].Stamps) != 0 {
		t.Errorf("stamped: %v, %v", r.Steps, err)
	}
	// Nobody hands over to themself.
	label := w.granted("USB-0002")
	if rec := w.ask("hanako", "ja", "/loans/new", url.Values{"request": {label}, "asset": {"USB-0002"}}); rec.Code == http.StatusSeeOther {
		t.Error("the applicant handed over to themself")
	}
}

// TestLoanFromHandOverToConfirmation goes the whole way on the pages.
func TestLoanFromHandOverToConfirmation(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	label := w.granted("USB-0001")
	if body := w.get("keeper", "/loans/new?request="+label); !strings.Contains(body, "USB-0001") || strings.Contains(body, "USB-0002") {
		t.Error("the page offers another thing than was approved")
	}
	if rec := w.ask("keeper", "ja", "/loans/new", url.Values{"request": {label}, "asset": {"USB-0002"}}); rec.Code != http.StatusConflict {
		t.Errorf("another thing: status %d", rec.Code)
	} else {
		checkHTML(t, "another thing", rec.Body.String())
	}
	at := w.post("keeper", "/loans/new", url.Values{"request": {label}, "asset": {"USB-0001"}})
	loan := strings.TrimPrefix(at, "/loans/")
	state := func() asset.LoanState {
		t.Helper()
		l, err := w.db.Loan(t.Context(), loan)
		must(t, err)
		return l.State
	}
	if rec := w.ask("keeper", "ja", at+"/receive", url.Values{}); rec.Code == http.StatusSeeOther || state() != asset.Handed {
		t.Errorf("the keeper received it: %d, %s", rec.Code, state())
	}
	if body := w.get("hanako", "/people/per_hanako"); !strings.Contains(body, at) {
		t.Error("the person's page does not name what they have")
	}
	w.post("hanako", at+"/receive", url.Values{})
	if rec := w.ask("hanako", "ja", at+"/back", url.Values{}); rec.Code == http.StatusSeeOther || state() != asset.Out {
		t.Errorf("the borrower took it back: %d, %s", rec.Code, state())
	}
	w.post("keeper", at+"/back", url.Values{})
	for _, who := range []string{"keeper", "hanako"} {
		if rec := w.ask(who, "ja", at+"/confirm", url.Values{"content": {"empty"}, "erased": {"erased"}}); rec.Code == http.StatusSeeOther || state() != asset.Back {
			t.Errorf("%s confirmed: %d, %s", who, rec.Code, state())
		}
	}
	rec := w.ask("admin", "ja", at+"/confirm", url.Values{"content": {"work_files"}, "erased": {"kept"}})
	if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `value="work_files" selected`) {
		t.Errorf("kept without a reason: status %d", rec.Code)
	}
	checkHTML(t, "check", rec.Body.String())
	w.post("admin", at+"/confirm", url.Values{"content": {"work_files"}, "erased": {"erased"}})
	if state() != asset.Done {
		t.Errorf("the loan is %s", state())
	}
	if body := w.get("keeper", "/loans?only=waiting"); strings.Contains(body, label) {
		t.Error("what was handed over waits still")
	}
}

// TestImportWithBrokenLinesKeepsNothing, and what is applied is what was shown.
func TestImportWithBrokenLinesKeepsNothing(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	csv := "管理番号,種別,部門コード,管理者社員番号,保管場所\nUSB-0101,USBメモリー,A0,0006,本社3階\n"
	broken := csv + "USB-0102,何か,ZZ,9999,本社\n"
	rec := w.send("admin", "/assets/import", "ledger.csv", []byte(broken))
	if rec.Code != http.StatusUnprocessableEntity || strings.Contains(rec.Body.String(), `name="hash"`) {
		t.Errorf("a broken file: status %d", rec.Code)
	}
	checkHTML(t, "broken", rec.Body.String())
	if body := w.get("admin", "/assets"); strings.Contains(body, "USB-0101") {
		t.Error("a part of a broken file was kept")
	}
	rec = w.send("admin", "/assets/import", "ledger.csv", []byte(csv))
	if rec.Code != http.StatusOK {
		t.Fatalf("a good file: status %d\n%s", rec.Code, rec.Body)
	}
	checkHTML(t, "plan", rec.Body.String())
	value := func(name string) string {
		_, rest, _ := strings.Cut(rec.Body.String(), `name="`+name+`" value="`)
		out, _, _ := strings.Cut(rest, `"`)
		return strings.ReplaceAll(out, "&#43;", "+")
	}
	form := url.Values{"content": {value("content")}, "hash": {value("hash")}, "version": {value("version")}}
	if rec := w.ask("hanako", "ja", "/assets/apply", form); rec.Code == http.StatusSeeOther {
		t.Error("hanako imported")
	}
	bent := url.Values{"content": {value("content")}, "hash": {"0000"}, "version": {value("version")}}
	if rec := w.ask("admin", "ja", "/assets/apply", bent); rec.Code == http.StatusSeeOther {
		t.Error("another file than was shown was applied")
	}
	w.post("admin", "/assets/apply", form)
	if body := w.get("admin", "/assets"); !strings.Contains(body, "USB-0101") {
		t.Error("the file was not applied")
	}
}

// TestLabels prints a sheet, and refuses one that cannot be.
func TestLabels(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	body := w.get("keeper", "/assets/labels")
	_, rest, _ := strings.Cut(body, `<option value="`)
	sheet, _, _ := strings.Cut(rest, `"`)
	rec := w.ask("keeper", "ja", "/assets/labels.pdf?sheet="+url.QueryEscape(sheet)+"&start=2&shift_x=0.5", nil)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/pdf" || !strings.HasPrefix(rec.Body.String(), "%PDF-") {
		t.Errorf("status %d, %s", rec.Code, rec.Header().Get("Content-Type"))
	}
	for _, bad := range []string{"sheet=none", "sheet=" + sheet + "&start=9999", "sheet=" + sheet + "&shift_x=much"} {
		if rec := w.ask("keeper", "ja", "/assets/labels.pdf?"+bad, nil); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", bad, rec.Code)
		} else {
			checkHTML(t, bad, rec.Body.String())
		}
	}
}

// TestCameraOnlyWhereThingsAreCounted: no other page may ask for the camera or loads the
// reader.
func TestCameraOnlyWhereThingsAreCounted(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	at := w.post("admin", "/stocktakes/new", url.Values{"title": {"秋の棚卸"}, "due": {time.Now().AddDate(0, 0, 20).Format("2006-01-02")}})
	for path, want := range map[string]bool{at: true, "/stocktakes": false, "/assets": false, "/report": false, "/loans": false} {
		rec := w.ask("admin", "ja", path, nil)
		if got := strings.Contains(rec.Header().Get("Permissions-Policy"), "camera=(self)"); got != want {
			t.Errorf("%s may ask for the camera: %v", path, got)
		}
		if got := strings.Contains(rec.Body.String(), "jsqr"); got != want {
			t.Errorf("%s loads the reader: %v", path, got)
		}
	}
}

// TestMorningAsksForWhatIsLate: the page names who should have brought what back, and one
// press asks for it, once a day.
func TestMorningAsksForWhatIsLate(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	waits := w.apply("USB-0001")
	if body := w.get("boss", "/morning"); !strings.Contains(body, `href="/requests/`+waits+`"`) {
		t.Error("what waits for the reader's decision is not named")
	}
	w.approve("boss", waits)
	w.approve("manager", waits)
	for who, want := range map[string]bool{"keeper": true, "admin": true, "boss": false, "auditor": false} {
		if got := strings.Contains(w.ask(who, "ja", "/morning", nil).Body.String(), `href="/loans/new?request=`+waits+`"`); got != want {
			t.Errorf("%s is asked to hand over: %v", who, got)
		}
	}
	loan := w.lent("USB-0002")
	must(t, w.db.UpdateAssets(t.Context(), func(tx asset.Tx) error {
		l, err := tx.LockLoan(t.Context(), loan)
		if err != nil {
			return err
		}
		l.State, l.Until, l.EndedAt = asset.Ended, time.Now().Add(-72*time.Hour), time.Now().Add(-72*time.Hour)
		return tx.SaveLoan(t.Context(), l)
	}))
	press := `action="/loans/` + loan + `/chase"`
	for who, want := range map[string]bool{"keeper": true, "manager": true, "auditor": false, "hanako": false} {
		body := w.ask(who, "ja", "/morning", nil).Body.String()
		checkHTML(t, who, body)
		if got := strings.Contains(body, press); got != want {
			t.Errorf("%s is offered to chase: %v", who, got)
		}
	}
	if !strings.Contains(w.get("manager", "/morning"), "3日超過") {
		t.Error("the page does not say for how long")
	}
	if at := w.post("manager", "/loans/"+loan+"/chase", url.Values{"to": {"morning"}}); at != "/morning" {
		t.Errorf("the press led to %s", at)
	}
	if strings.Contains(w.get("keeper", "/morning"), press) {
		t.Error("it is offered twice a day")
	}
	if rec := w.ask("keeper", "ja", "/loans/"+loan+"/chase", url.Values{}); rec.Code != http.StatusConflict {
		t.Errorf("chased twice: status %d", rec.Code)
	}
	w.walk(t, []string{"hanako", "boss", "manager", "auditor", "admin", "keeper"}, []string{"/loans?only=overdue", "/loans/" + loan, "/assets", "/requests/new?kind=loan", "/people/per_hanako"})
}

// TestApprovalsAreSetAndTried: the rules are changed with words about what is wrong, and
// a try says who would be asked now.
func TestApprovalsAreSetAndTried(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	if body := w.get("hanako", "/settings/approvals?who=0001"); !strings.Contains(body, "本田 誠") || !strings.Contains(body, "守谷 恵") {
		t.Error("the try does not name who would be asked")
	}
	// Nobody is asked about their own: the manager's request goes to somebody else.
	if body := w.get("manager", "/settings/approvals?who=0003"); !strings.Contains(body, "本田 誠") || strings.Contains(body[strings.Index(body, `class="track"`):], "守谷 恵") {
		t.Error("the applicant would be asked about their own")
	}
	if rec := w.ask("hanako", "ja", "/settings/approvals?who=nobody", nil); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown person: status %d", rec.Code)
	} else {
		checkHTML(t, "unknown person", rec.Body.String())
	}
	good := url.Values{"version": {"0"}, "role_1": {"head"}, "need_1": {"one"}, "role_3": {"it_admin"}, "need_3": {"quorum"}, "quorum_3": {"2"}, "remind": {"8"}, "climb": {"24"}, "life": {"10"}}
	for _, who := range []string{"hanako", "boss", "admin", "auditor"} {
		if rec := w.ask(who, "ja", "/settings/approvals/loan", good); rec.Code != http.StatusForbidden {
			t.Errorf("%s changed who decides: status %d", who, rec.Code)
		}
	}
	for name, change := range map[string][2]string{"no steps": {"role_1", ""}, "an unknown post": {"role_1", "king"}, "no number": {"quorum_3", ""}, "times the wrong way": {"climb", "2"}, "words": {"life", "soon"}} {
		bad := url.Values{}
		for k, v := range good {
			bad[k] = v
		}
		bad.Set(change[0], change[1])
		if name == "no steps" {
			bad.Del("role_3")
		}
		rec := w.ask("manager", "ja", "/settings/approvals/loan", bad)
		if rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, rec.Code)
		}
		checkHTML(t, name, rec.Body.String())
	}
	w.post("manager", "/settings/approvals/loan", good)
	if rec := w.ask("manager", "ja", "/settings/approvals/loan", good); rec.Code != http.StatusConflict {
		t.Errorf("from an old version: status %d", rec.Code)
	}
	body := w.get("hanako", "/settings/approvals")
	if !strings.Contains(body, "部門長") || !strings.Contains(body, "2人の承認") || !strings.Contains(body, "第1版") {
		t.Error("the change does not show")
	}
}

// TestGuardOnThePagesOfAPC: the page of a PC says how it guards media in words, and that a
// guard which cannot is none.
func TestGuardOnThePagesOfAPC(t *testing.T) {
	t.Parallel()
	w := newLending(t)
	pc := w.enrolled("PC-0001")
	has(t, "before it told", w.get("admin", pc.at("")), "扱いの知らせはまだありません")
	for _, tc := range []struct {
		told wire.MediaFact
		want string
	}{
		{wire.MediaFact{Mode: wire.GuardObserve, Able: false, Time: "server"}, "サーバーの時刻"},
		{wire.MediaFact{Mode: wire.GuardBlock, Able: false, Time: "document", Problem: []string{"no udev"}}, "挿した直後に止めることができません"},
		{wire.MediaFact{Mode: wire.GuardBlock, Able: true, Time: "pc", DryRun: true}, "実際には止めません"},
		{wire.MediaFact{Mode: wire.GuardOff, Able: true, Time: "pc"}, "何もしない"},
	} {
		pc.tell(wire.IsolationFact{State: wire.IsolationOff}, func(m map[string]wire.Fact) {
			f, err := wire.FactOf(tc.told, wire.MicrosOf(time.Now()))
			must(t, err)
			m[wire.FactMedia] = f
		})
		body := w.get("admin", pc.at(""))
		checkHTML(t, tc.want, body)
		has(t, string(tc.told.Mode), body, tc.want, "USBの制御")
		hasNot(t, string(tc.told.Mode), body, ">able<", ">mode<", ">time<")
	}
}

// TestErasedRequestStillOpens shows a request whose retention has ended to whoever may read all.
func TestErasedRequestStillOpens(t *testing.T) {
	w := newLending(t)
	label := w.apply("USB-0001")
	w.post("hanako", "/requests/"+label+"/withdraw", url.Values{"reason": {"不要になった"}})
	r, err := w.db.Request(t.Context(), label)
	must(t, err)
	must(t, w.db.UpdateRequests(t.Context(), func(tx request.Tx) error { return tx.EraseRequest(t.Context(), r.ID, w.parts.Now()) }))
	for _, path := range []string{"/requests/" + label, "/requests?box=every"} {
		body := w.get("manager", path)
		if !strings.Contains(body, label) || !strings.Contains(body, "消去されています") {
			t.Errorf("%s does not say that %s is erased", path, label)
		}
		if strings.Contains(body, "0001年") || strings.Contains(body, "不要になった") {
			t.Errorf("%s shows what is not there any more", path)
		}
	}
}
