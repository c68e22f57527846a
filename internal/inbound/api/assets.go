package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

// Assets are the verbs of the ledger, of the loans and of the guards on PCs that have an
// operation.
type Assets interface {
	Find(ctx context.Context, by access.Actor, q asset.Query) (asset.Page, error)
	Count(ctx context.Context, by access.Actor) (map[asset.State]int, error)
	Choices(ctx context.Context, by access.Actor) ([]asset.Choice, error)
	Get(ctx context.Context, by access.Actor, asset string) (asset.View, error)
	Add(ctx context.Context, by access.Actor, a asset.Asset) (*asset.Asset, error)
	Change(ctx context.Context, by access.Actor, in asset.Asset) (*asset.Asset, error)
	SetState(ctx context.Context, by access.Actor, asset string, to asset.State, reason string) error
	ReportLost(ctx context.Context, by access.Actor, asset, incident string) error
	AskDisposal(ctx context.Context, by access.Actor, asset string, d asset.Disposal) error
	ConfirmDisposal(ctx context.Context, by access.Actor, asset string) error
	DropDisposal(ctx context.Context, by access.Actor, asset, reason string) error
	AddPhoto(ctx context.Context, by access.Actor, asset string, u asset.Upload) (asset.Photo, error)
	OpenPhoto(ctx context.Context, by access.Actor, photo string) (asset.Photo, io.ReadCloser, error)
	AskRegistration(ctx context.Context, by access.Actor, asset, device string) (asset.Registration, error)
	PreviewImport(ctx context.Context, by access.Actor, file io.Reader) (asset.Plan, error)
	ApplyImport(ctx context.Context, by access.Actor, file io.Reader, version, hash string) (asset.Plan, error)
	Export(ctx context.Context, by access.Actor) (header []string, rows iter.Seq[[]string], failed func() error, err error)

	Loans(ctx context.Context, by access.Actor, q asset.LoanQuery) (asset.LoanPage, error)
	Loan(ctx context.Context, by access.Actor, loan string) (asset.LoanView, error)
	HandOver(ctx context.Context, by access.Actor, h asset.HandOver) (*asset.Loan, error)
	Receive(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)
	TakeBack(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)
	Confirm(ctx context.Context, by access.Actor, k asset.Check) (*asset.Loan, error)
	Recall(ctx context.Context, by access.Actor, loan, reason string) (*asset.Loan, error)
	Extend(ctx context.Context, by access.Actor, req string) (*asset.Loan, error)
	Chase(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)

	Attempts(ctx context.Context, by access.Actor, q asset.AttemptQuery) (asset.AttemptPage, error)
	WouldBlock(ctx context.Context, by access.Actor) ([]asset.Would, error)
	GuardPolicy(ctx context.Context, by access.Actor) (asset.Policy, error)
	SetGuardPolicy(ctx context.Context, by access.Actor, in asset.Policy) (asset.Policy, error)
}

// AssetRef names a thing of the ledger.
type AssetRef struct {
	Asset string `path:"asset" maxLength:"100" doc:"Number or id."`
}

// AssetRow is one line of the ledger.
type AssetRow struct {
	ID         string        `json:"id"`
	Number     string        `json:"number" doc:"The company's own, printed on its label."`
	Kind       string        `json:"kind" enum:"usb_memory,external_disk,sd_card,pc,phone,wire_lock,locker,document_case"`
	Model      string        `json:"model,omitempty"`
	Capacity   int64         `json:"capacity,omitempty" doc:"Bytes, as bought."`
	Encryption string        `json:"encryption,omitempty"`
	Department string        `json:"department" doc:"Id: whose it is."`
	Keeper     *PersonRef    `json:"keeper"`
	Place      string        `json:"place,omitempty"`
	Note       string        `json:"note,omitempty"`
	State      string        `json:"state" enum:"in_store,lent,overdue,lost,in_repair,disposed"`
	Since      time.Time     `json:"since"`
	Borrower   *PersonRef    `json:"borrower,omitempty"`
	Due        time.Time     `json:"due,omitzero"`
	Strength   string        `json:"strength" enum:"strong,fair,weak,unknown,nomedium" doc:"How well it can be told from every other medium."`
	SerialTwin bool          `json:"serial_twin,omitempty" doc:"Another thing of the ledger has the same serial."`
	Identity   *identityView `json:"identity,omitempty" doc:"What the medium says of itself."`
	Version    int64         `json:"version" doc:"Goes with a change."`
}

type identityView struct {
	Vendor   string    `json:"vendor,omitempty" doc:"4 hex digits"`
	Product  string    `json:"product,omitempty" doc:"4 hex digits"`
	Serial   string    `json:"serial,omitempty"`
	Capacity int64     `json:"capacity,omitempty"`
	Volume   string    `json:"volume,omitempty"`
	Token    bool      `json:"token" doc:"Our token is on it."`
	Read     time.Time `json:"read,omitzero"`
	ReadOn   string    `json:"read_on,omitempty" doc:"Id of the PC."`
}

// AssetView is a thing with all that belongs to it.
type AssetView struct {
	AssetRow
	Path     []string      `json:"path" doc:"The department with those above it."`
	Disposal *disposalView `json:"disposal,omitempty"`
	Loans    []LoanView    `json:"loans,omitempty"`
	Photos   []photoView   `json:"photos,omitempty"`
	Attempts []attemptView `json:"attempts,omitempty"`
	History  []assetEvent  `json:"history,omitempty" doc:"Newest first."`
}

type disposalView struct {
	Method      string     `json:"method"`
	Note        string     `json:"note,omitempty"`
	Proof       string     `json:"proof,omitempty" doc:"Id of the photo or certificate."`
	By          *PersonRef `json:"by,omitempty"`
	At          time.Time  `json:"at"`
	ConfirmedBy *PersonRef `json:"confirmed_by,omitempty"`
	Confirmed   time.Time  `json:"confirmed,omitzero"`
}

type photoView struct {
	ID     string     `json:"id"`
	Name   string     `json:"name"`
	Type   string     `json:"media_type"`
	Size   int64      `json:"size"`
	SHA256 string     `json:"sha256"`
	By     *PersonRef `json:"by,omitempty"`
	At     time.Time  `json:"at"`
}

type assetEvent struct {
	At   time.Time  `json:"at"`
	Kind string     `json:"kind"`
	By   *PersonRef `json:"by,omitempty"`
}

type assetsIn struct {
	Text       string `query:"q" doc:"Words, each part of number, model, serial, place or the keeper's name."`
	Kind       string `query:"kind"`
	State      string `query:"state" enum:"in_store,lent,overdue,lost,in_repair,disposed"`
	Department string `query:"department" doc:"Department id or code."`
	Keeper     string `query:"keeper" doc:"Person id or employee number."`
	Strength   string `query:"strength" enum:"strong,fair,weak,unknown,nomedium"`
	After      string `query:"after" doc:"The next of the page before."`
	Limit      int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type assetsOut struct {
	Body struct {
		Items []AssetRow `json:"items"`
		Next  string     `json:"next" doc:"Give it as after to get the next page; empty on the last."`
	}
}

type assetOut struct{ Body AssetView }

// AssetForm is what is entered of a thing.
type AssetForm struct {
	Kind       string `json:"kind" enum:"usb_memory,external_disk,sd_card,pc,phone,wire_lock,locker,document_case"`
	Model      string `json:"model,omitempty"`
	Capacity   int64  `json:"capacity,omitempty" doc:"Bytes."`
	Encryption string `json:"encryption,omitempty" enum:"unknown,none,software,hardware"`
	Vendor     string `json:"vendor,omitempty" doc:"USB vendor id, 4 hex digits."`
	Product    string `json:"product,omitempty" doc:"USB product id, 4 hex digits."`
	Serial     string `json:"serial,omitempty"`
	Department string `json:"department" doc:"Id or code."`
	Keeper     string `json:"keeper" doc:"Person id or employee number."`
	Place      string `json:"place,omitempty"`
	Note       string `json:"note,omitempty"`
}

type newAssetIn struct {
	Body struct {
		Number string `json:"number"`
		AssetForm
	}
}

type newAssetOut struct {
	Location string `header:"Location"`
	Body     AssetView
}

type changeAssetIn struct {
	AssetRef
	Body struct {
		Version int64 `json:"version" doc:"That you have read."`
		AssetForm
	}
}

type assetStateIn struct {
	AssetRef
	Body struct {
		State  string `json:"state" enum:"in_store,in_repair"`
		Reason string `json:"reason"`
	}
}

type assetLostIn struct {
	AssetRef
	Body struct {
		Incident string `json:"incident,omitempty" doc:"Number or id of the case."`
	}
}

type disposalIn struct {
	AssetRef
	Body struct {
		Method string `json:"method" enum:"erased,destroyed,returned_to_lessor,handed_to_disposer"`
		Note   string `json:"note,omitempty"`
		Proof  string `json:"proof,omitempty" doc:"Id of the photo or certificate."`
	}
}

type assetReasonIn struct {
	AssetRef
	Body struct {
		Reason string `json:"reason"`
	}
}

type registrationIn struct {
	AssetRef
	Body struct {
		Device string `json:"device" doc:"Id of the PC into which it will be plugged."`
	}
}

type registrationOut struct {
	Body struct {
		ID     string    `json:"id"`
		Asset  string    `json:"asset"`
		Device string    `json:"device"`
		Until  time.Time `json:"until" doc:"The PC waits until then for the next unknown medium."`
	}
}

type assetCountOut struct {
	Body map[string]int
}

type choicesOut struct {
	Body struct {
		Items []assetChoice `json:"items"`
	}
}

type assetChoice struct {
	Number string    `json:"number"`
	Kind   string    `json:"kind"`
	Model  string    `json:"model,omitempty"`
	State  string    `json:"state"`
	Due    time.Time `json:"due,omitzero"`
}

func (s *server) assetRoutes() {
	if s.Assets == nil {
		return
	}
	const at, tag = "/assets/{asset}", "assets"
	add(s, op(http.MethodGet, "/assets", "list-assets", tag, "The things of the ledger that you may see, by number"), s.listAssets)
	create := op(http.MethodPost, "/assets", "add-asset", tag, "Enter a new thing, in store")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.addAsset)
	add(s, op(http.MethodGet, "/assets/count", "count-assets", tag, "How many things are in each state"), s.countAssets)
	add(s, op(http.MethodGet, "/assets/choices", "list-asset-choices", tag, "What you may ask to have lent"), s.listChoices)
	add(s, op(http.MethodGet, at, "get-asset", tag, "One thing with its loans, photos and history"),
		func(ctx context.Context, by access.Actor, in *AssetRef) (*assetOut, error) {
			return s.assetNow(ctx, by, in.Asset, nil)
		})
	add(s, op(http.MethodPut, at, "change-asset", tag, "Mend what is entered of a thing"), s.changeAsset)
	add(s, op(http.MethodPost, at+"/state", "set-asset-state", tag, "Put a thing into repair, or back in store"),
		func(ctx context.Context, by access.Actor, in *assetStateIn) (*assetOut, error) {
			return s.assetNow(ctx, by, in.Asset, s.Assets.SetState(ctx, by, in.Asset, asset.State(in.Body.State), in.Body.Reason))
		})
	add(s, op(http.MethodPost, at+"/lost", "report-asset-lost", tag, "Note that a thing is lost; no PC lets it work from then on"), s.assetLost)
	add(s, op(http.MethodPost, at+"/disposal", "ask-asset-disposal", tag, "Ask to put a thing out of use; a second person confirms"),
		func(ctx context.Context, by access.Actor, in *disposalIn) (*assetOut, error) {
			d := asset.Disposal{Method: in.Body.Method, Note: in.Body.Note, Proof: in.Body.Proof}
			return s.assetNow(ctx, by, in.Asset, s.Assets.AskDisposal(ctx, by, in.Asset, d))
		})
	add(s, op(http.MethodPost, at+"/disposal/confirm", "confirm-asset-disposal", tag, "Confirm it, as another than who asked"),
		func(ctx context.Context, by access.Actor, in *AssetRef) (*assetOut, error) {
			return s.assetNow(ctx, by, in.Asset, s.Assets.ConfirmDisposal(ctx, by, in.Asset))
		})
	add(s, op(http.MethodPost, at+"/disposal/drop", "drop-asset-disposal", tag, "Take back that a thing is to be put out of use"),
		func(ctx context.Context, by access.Actor, in *assetReasonIn) (*assetOut, error) {
			return s.assetNow(ctx, by, in.Asset, s.Assets.DropDisposal(ctx, by, in.Asset, in.Body.Reason))
		})
	register := op(http.MethodPost, at+"/registration", "register-medium", tag, "Let a PC take the next unknown medium as this thing")
	register.DefaultStatus = http.StatusCreated
	add(s, register, s.registerMedium)
	s.assetFiles()
}

func (s *server) listAssets(ctx context.Context, by access.Actor, in *assetsIn) (*assetsOut, error) {
	keeper, err := s.person(ctx, in.Keeper)
	if err != nil {
		return nil, err
	}
	department, err := s.department(ctx, in.Department)
	if err != nil {
		return nil, err
	}
	page, err := s.Assets.Find(ctx, by, asset.Query{Text: in.Text, Kind: asset.Kind(in.Kind), State: asset.State(in.State), Department: department,
		Keeper: keeper, Strength: asset.Strength(in.Strength), After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := &assetsOut{}
	out.Body.Items, out.Body.Next = make([]AssetRow, 0, len(page.Rows)), page.Next
	for _, r := range page.Rows {
		out.Body.Items = append(out.Body.Items, assetRowOf(o, r))
	}
	return out, nil
}

// department finds one by id or code. What names none is passed on as it is, so that the
// domain refuses it or finds nothing.
func (s *server) department(ctx context.Context, given string) (string, error) {
	if given == "" {
		return "", nil
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return "", fmt.Errorf("find department: %w", err)
	}
	for _, d := range o.Departments {
		if d.Code == given {
			return d.ID, nil
		}
	}
	return given, nil
}

// entered reads what a caller enters of a thing.
func (s *server) entered(ctx context.Context, f AssetForm) (asset.Asset, error) {
	a := asset.Asset{Kind: asset.Kind(f.Kind), Model: f.Model, Capacity: f.Capacity, Encryption: asset.Encryption(f.Encryption),
		Identity: asset.Identity{Vendor: f.Vendor, Product: f.Product, Serial: f.Serial}, Place: f.Place, Note: f.Note}
	if a.Encryption == "" {
		a.Encryption = asset.EncryptionUnknown
	}
	var err error
	if a.Department, err = s.department(ctx, f.Department); err != nil {
		return a, err
	}
	a.Keeper, err = s.person(ctx, f.Keeper)
	return a, err
}

func (s *server) addAsset(ctx context.Context, by access.Actor, in *newAssetIn) (*newAssetOut, error) {
	a, err := s.entered(ctx, in.Body.AssetForm)
	if err != nil {
		return nil, err
	}
	a.Number = in.Body.Number
	made, err := s.Assets.Add(ctx, by, a)
	if err != nil {
		return nil, err
	}
	now, err := s.assetNow(ctx, by, made.ID, nil)
	if err != nil {
		return nil, err
	}
	return &newAssetOut{Location: v1 + "/assets/" + made.Number, Body: now.Body}, nil
}

func (s *server) changeAsset(ctx context.Context, by access.Actor, in *changeAssetIn) (*assetOut, error) {
	now, err := s.Assets.Get(ctx, by, in.Asset)
	if err != nil {
		return nil, err
	}
	a, err := s.entered(ctx, in.Body.AssetForm)
	if err != nil {
		return nil, err
	}
	a.ID, a.Number, a.Version = now.ID, now.Number, in.Body.Version
	_, err = s.Assets.Change(ctx, by, a)
	return s.assetNow(ctx, by, in.Asset, err)
}

func (s *server) assetLost(ctx context.Context, by access.Actor, in *assetLostIn) (*assetOut, error) {
	if in.Body.Incident != "" { // one that the caller does not see is not named to others
		if _, err := s.Incidents.Case(ctx, by, in.Body.Incident); err != nil {
			return nil, err
		}
	}
	return s.assetNow(ctx, by, in.Asset, s.Assets.ReportLost(ctx, by, in.Asset, in.Body.Incident))
}

func (s *server) registerMedium(ctx context.Context, by access.Actor, in *registrationIn) (*registrationOut, error) {
	r, err := s.Assets.AskRegistration(ctx, by, in.Asset, in.Body.Device)
	if err != nil {
		return nil, err
	}
	out := &registrationOut{}
	out.Body.ID, out.Body.Asset, out.Body.Device, out.Body.Until = r.ID, in.Asset, r.Device, r.Until
	return out, nil
}

func (s *server) countAssets(ctx context.Context, by access.Actor, _ *none) (*assetCountOut, error) {
	n, err := s.Assets.Count(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &assetCountOut{Body: map[string]int{}}
	for state, count := range n {
		out.Body[string(state)] = count
	}
	return out, nil
}

func (s *server) listChoices(ctx context.Context, by access.Actor, _ *none) (*choicesOut, error) {
	found, err := s.Assets.Choices(ctx, by)
	if err != nil {
		return nil, err
	}
	out := &choicesOut{}
	out.Body.Items = []assetChoice{}
	for _, c := range found {
		out.Body.Items = append(out.Body.Items, assetChoice{Number: c.Number, Kind: string(c.Kind), Model: c.Model, State: string(c.State), Due: c.Due})
	}
	return out, nil
}

// assetNow answers with a thing after an act, whose error comes first.
func (s *server) assetNow(ctx context.Context, by access.Actor, number string, err error) (*assetOut, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.Assets.Get(ctx, by, number)
	if err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	out := AssetView{AssetRow: assetRowOf(o, v.Row), Path: v.Path}
	if d := v.Disposal; d != nil {
		out.Disposal = &disposalView{Method: d.Method, Note: d.Note, Proof: d.Proof, By: refOf(o, d.By), At: d.At, ConfirmedBy: refOf(o, d.ConfirmedBy), Confirmed: d.ConfirmedAt}
	}
	for _, l := range v.Loans {
		out.Loans = append(out.Loans, loanOf(o, l))
	}
	for _, p := range v.Photos {
		out.Photos = append(out.Photos, photoOf(o, p))
	}
	for _, x := range v.Attempts {
		out.Attempts = append(out.Attempts, attemptOf(asset.AttemptRow{Attempt: x, Number: v.Number}))
	}
	for _, e := range v.History {
		out.History = append(out.History, assetEventOf(o, e))
	}
	return &assetOut{Body: out}, nil
}

func assetEventOf(o *directory.Org, e journal.Event) assetEvent {
	v := assetEvent{At: e.At, Kind: e.Kind}
	if _, ok := o.People[e.Actor]; ok {
		v.By = refOf(o, e.Actor)
	}
	return v
}

func photoOf(o *directory.Org, p asset.Photo) photoView {
	return photoView{ID: p.ID, Name: p.Name, Type: p.Type, Size: p.Size, SHA256: fmt.Sprintf("%x", p.SHA256), By: refOf(o, p.By), At: p.At}
}

func assetRowOf(o *directory.Org, r asset.Row) AssetRow {
	a := r.Asset
	v := AssetRow{ID: a.ID, Number: a.Number, Kind: string(a.Kind), Model: a.Model, Capacity: a.Capacity, Encryption: string(a.Encryption),
		Department: a.Department, Keeper: refOf(o, a.Keeper), Place: a.Place, Note: a.Note, State: string(r.Now), Since: a.Since,
		Borrower: refOf(o, a.Borrower), Due: a.Due, Strength: string(r.Strength), SerialTwin: a.SerialTwin, Version: a.Version}
	if i := a.Identity; i != (asset.Identity{}) {
		v.Identity = &identityView{Vendor: i.Vendor, Product: i.Product, Serial: i.Serial, Capacity: i.Capacity, Volume: i.Volume, Token: i.Token != "", Read: i.ReadAt, ReadOn: i.ReadOn}
	}
	return v
}

// assetPlanView is what an import of the ledger would do, or did.
type assetPlanView struct {
	Encoding  string           `json:"encoding"`
	Version   string           `json:"version" doc:"Give it, with hash, to the import."`
	Hash      string           `json:"hash"`
	Lines     int              `json:"lines"`
	Adds      []assetPlanEntry `json:"adds"`
	Changes   []assetPlanEntry `json:"changes"`
	Unchanged int              `json:"unchanged"`
	Problems  []planProblem    `json:"problems" doc:"With any, nothing can be imported."`
}

type assetPlanEntry struct {
	Line   int          `json:"line"`
	Number string       `json:"number"`
	Fields []planChange `json:"fields"`
}

// maxPhotoBody is one byte more than a photo may have, so that the domain says what is
// too large.
const maxPhotoBody = 10<<20 + 1

// assetFiles are the operations on files: the table, and photos and papers.
func (s *server) assetFiles() {
	file := func(o huma.Operation) huma.Operation {
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
		o.Responses = map[string]*huma.Response{"200": {Description: "The plan", Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[assetPlanView](), true, "")}}}}
		s.stream["POST "+o.Path] = maxTable + 1
		return o
	}
	s.plain(file(op(http.MethodPost, "/assets/preview", "preview-asset-import", "assets", "Say what a table would change in the ledger")),
		func(w http.ResponseWriter, r *http.Request, by access.Actor) error {
			return s.ledgerPlan(w, r, func(body io.Reader) (asset.Plan, error) { return s.Assets.PreviewImport(r.Context(), by, body) })
		})
	apply := file(op(http.MethodPost, "/assets/import", "import-assets", "assets", "Import a table that was previewed, all of it or nothing"))
	apply.Parameters = []*huma.Param{queryParam("version", "string", "The version of the preview."), queryParam("hash", "string", "The hash of the preview.")}
	s.plain(apply, func(w http.ResponseWriter, r *http.Request, by access.Actor) error {
		q := r.URL.Query()
		return s.ledgerPlan(w, r, func(body io.Reader) (asset.Plan, error) {
			return s.Assets.ApplyImport(r.Context(), by, body, q.Get("version"), q.Get("hash"))
		})
	})
	s.plain(csvOp("/assets.csv", "export-assets", "assets", "The ledger as a table that the import reads back"), s.writeAssets)

	up := op(http.MethodPost, "/assets/{asset}/photos", "add-asset-photo", "assets", "Keep a picture or a paper with a thing")
	up.Description = "The body is the file itself: an image or a PDF, at most 10 MiB."
	up.Parameters = []*huma.Param{pathParam("asset", "Number or id."), queryParam("name", "string", "The file's name.")}
	up.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	up.Responses = map[string]*huma.Response{"201": {Description: "Kept", Content: map[string]*huma.MediaType{
		"application/json": {Schema: s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[photoView](), true, "")}}}}
	s.stream["POST "+up.Path] = maxPhotoBody
	s.plain(up, s.addPhoto)

	down := op(http.MethodGet, "/asset-photos/{photo}", "get-asset-photo", "assets", "Fetch a picture or a paper")
	down.Parameters = []*huma.Param{pathParam("photo", "Id of the file.")}
	down.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{"application/octet-stream": {}}}}
	s.plain(down, s.getPhoto)
}

func (s *server) ledgerPlan(w http.ResponseWriter, r *http.Request, do func(io.Reader) (asset.Plan, error)) error {
	body := &upload{r: r.Body}
	p, err := do(body)
	if err != nil {
		if body.err != nil {
			return cutOff(body.err)
		}
		return err
	}
	v := assetPlanView{Encoding: string(p.Encoding), Version: p.Version, Hash: p.Hash, Lines: p.Lines,
		Adds: assetEntries(p.Adds), Changes: assetEntries(p.Changes), Unchanged: p.Unchanged, Problems: []planProblem{}}
	for _, x := range p.Problems {
		v.Problems = append(v.Problems, planProblem{Line: x.Line, Column: x.Column, Code: x.ID, Message: fieldText(r.Context(), x.ID, x.Args)})
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.logFailure(r.Context(), err)
	}
	return nil
}

// fieldText is a message as a field of a fault has it, so that numbers and dates in it
// are written for people.
func fieldText(ctx context.Context, msg string, args fault.Args) string {
	_, texts := callOf(ctx).p.Error(&fault.Error{ID: "fault.invalid", Fields: []fault.Field{{Name: "x", ID: msg, Args: args}}})
	return texts["x"]
}

func assetEntries(es []asset.Entry) []assetPlanEntry {
	out := make([]assetPlanEntry, 0, len(es))
	for _, e := range es {
		x := assetPlanEntry{Line: e.Line, Number: e.Number, Fields: []planChange{}}
		for _, f := range e.Fields {
			x.Fields = append(x.Fields, planChange(f))
		}
		out = append(out, x)
	}
	return out
}

func (s *server) writeAssets(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	enc, err := sheet.Chosen(r.URL.Query().Get("enc"))
	if err != nil {
		return err
	}
	header, rows, failed, err := s.Assets.Export(r.Context(), by)
	if err != nil {
		return err
	}
	var broken error
	all := func(yield func([]string) bool) {
		for row := range rows {
			if !yield(row) {
				return
			}
		}
		broken = failed()
	}
	s.sendTable(w, r, "assets.csv", enc, header, all, &broken)
	return nil
}

func (s *server) addPhoto(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	return s.keepFile(w, r, func(name, media string, body io.Reader) (string, any, error) {
		p, err := s.Assets.AddPhoto(r.Context(), by, r.PathValue("asset"), asset.Upload{Name: name, Type: media, Body: body})
		if err != nil {
			return "", nil, err
		}
		o, err := s.People.Org(r.Context())
		if err != nil {
			return "", nil, err
		}
		return v1 + "/asset-photos/" + p.ID, photoOf(o, p), nil
	})
}

func (s *server) getPhoto(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	p, body, err := s.Assets.OpenPhoto(r.Context(), by, r.PathValue("photo"))
	if err != nil {
		return err
	}
	s.sendFile(w, r, p.Name, p.Type, p.Size, body)
	return nil
}
