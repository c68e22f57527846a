// Package ledger is the pages of the ledger: the list and one thing with its history, the
// forms that add and change one, its labels, and the presses that lend a medium and take
// it back.
package ledger

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"iter"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/paper"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Ledger is the verbs of things that the pages call.
type Ledger interface {
	Find(ctx context.Context, by access.Actor, q asset.Query) (asset.Page, error)
	Count(ctx context.Context, by access.Actor) (map[asset.State]int, error)
	Get(ctx context.Context, by access.Actor, asset string) (asset.View, error)
	Add(ctx context.Context, by access.Actor, a asset.Asset) (*asset.Asset, error)
	Change(ctx context.Context, by access.Actor, a asset.Asset) (*asset.Asset, error)
	SetState(ctx context.Context, by access.Actor, asset string, to asset.State, reason string) error
	AskDisposal(ctx context.Context, by access.Actor, asset string, d asset.Disposal) error
	ConfirmDisposal(ctx context.Context, by access.Actor, asset string) error
	DropDisposal(ctx context.Context, by access.Actor, asset, reason string) error
	AddPhoto(ctx context.Context, by access.Actor, asset string, u asset.Upload) (asset.Photo, error)
	OpenPhoto(ctx context.Context, by access.Actor, photo string) (asset.Photo, io.ReadCloser, error)
	AskRegistration(ctx context.Context, by access.Actor, asset, device string) (asset.Registration, error)
	Choices(ctx context.Context, by access.Actor) ([]asset.Choice, error)

	HandOver(ctx context.Context, by access.Actor, h asset.HandOver) (*asset.Loan, error)
	Receive(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)
	TakeBack(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)
	Confirm(ctx context.Context, by access.Actor, k asset.Check) (*asset.Loan, error)
	Recall(ctx context.Context, by access.Actor, loan, reason string) (*asset.Loan, error)
	Extend(ctx context.Context, by access.Actor, request string) (*asset.Loan, error)
	Chase(ctx context.Context, by access.Actor, loan string) (*asset.Loan, error)
	PreviewImport(ctx context.Context, by access.Actor, file io.Reader) (asset.Plan, error)
	ApplyImport(ctx context.Context, by access.Actor, file io.Reader, version, hash string) (asset.Plan, error)
	Export(ctx context.Context, by access.Actor) (header []string, rows iter.Seq[[]string], failed func() error, err error)
	Loans(ctx context.Context, by access.Actor, q asset.LoanQuery) (asset.LoanPage, error)
	Loan(ctx context.Context, by access.Actor, loan string) (asset.LoanView, error)
	Handovers(ctx context.Context, by access.Actor) ([]asset.Handover, error)
	Handover(ctx context.Context, by access.Actor, request string) (asset.Handover, error)
	PCName(ctx context.Context, person, device string) (string, error)

	Attempts(ctx context.Context, by access.Actor, q asset.AttemptQuery) (asset.AttemptPage, error)
	WouldBlock(ctx context.Context, by access.Actor) ([]asset.Would, error)
	GuardPolicy(ctx context.Context, by access.Actor) (asset.Policy, error)
	SetGuardPolicy(ctx context.Context, by access.Actor, in asset.Policy) (asset.Policy, error)
}

// PCs names the PCs on which a medium can work.
type PCs interface {
	OfPerson(ctx context.Context, by access.Actor, person string) ([]device.View, error)
	List(ctx context.Context, by access.Actor, q device.Query) (device.Page, error)
}

// Deps are the services that the pages ask.
type Deps struct {
	Ledger  Ledger
	PCs     PCs // nil: none are enrolled
	People  *directory.Service
	Company string       // stands on labels
	Font    *paper.Font  // of labels
	Words   i18n.Printer // the language of labels
}

// What one press may send, in bytes.
const (
	maxPhoto = 11 << 20
	maxFile  = 8 << 20 // of an import
)

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return append(d.imports().Routes(), []page.Route{
		{Pattern: "GET /assets", Do: d.list},
		{Pattern: "GET /assets/new", Do: d.newForm},
		{Pattern: "POST /assets/new", Do: d.add},
		{Pattern: "GET /assets.csv", Do: d.export},
		{Pattern: "GET /assets/labels", Do: d.labels},
		{Pattern: "GET /assets/labels.pdf", Do: d.labelSheet},
		{Pattern: "GET /assets/{number}", Do: d.show},
		{Pattern: "GET /assets/{number}/edit", Do: d.editForm},
		{Pattern: "POST /assets/{number}/edit", Do: d.change},
		{Pattern: "POST /assets/{number}/state", Do: d.verb("state", setState)},
		{Pattern: "POST /assets/{number}/disposal", Do: d.verb("disposal", askDisposal)},
		{Pattern: "POST /assets/{number}/disposal/confirm", Do: d.verb("confirm", confirmDisposal)},
		{Pattern: "POST /assets/{number}/disposal/drop", Do: d.verb("drop", dropDisposal)},
		{Pattern: "POST /assets/{number}/register", Do: d.verb("register", register)},
		{Pattern: "POST /assets/{number}/photos", Do: d.upload, Stream: true, MaxBody: maxPhoto},
		{Pattern: "GET /photos/{id}", Do: d.photo},
		{Pattern: "GET /loans", Do: d.loans},
		{Pattern: "GET /loans/new", Do: d.handOverForm},
		{Pattern: "POST /loans/new", Do: d.handOver},
		{Pattern: "POST /loans/extend", Do: d.extend},
		{Pattern: "GET /loans/{label}", Do: d.loan},
		{Pattern: "POST /loans/{label}/receive", Do: d.loanVerb("receive", receive)},
		{Pattern: "POST /loans/{label}/back", Do: d.loanVerb("back", takeBack)},
		{Pattern: "POST /loans/{label}/confirm", Do: d.loanVerb("check", confirm)},
		{Pattern: "POST /loans/{label}/recall", Do: d.loanVerb("recall", recall)},
		{Pattern: "POST /loans/{label}/chase", Do: d.loanVerb("chase", chase)},
		{Pattern: "GET /media", Do: d.media},
		{Pattern: "POST /media/policy", Do: d.setPolicy},
	}...)
}
