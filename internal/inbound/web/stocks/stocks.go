// Package stocks is the pages of counting (棚卸): the counts, one count with its lists of
// what was seen and what is missing, the camera that reads labels, and the signed result.
package stocks

import (
	"context"
	"embed"
	"io"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/paper"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Counts is the verbs of counting that the pages call.
type Counts interface {
	OpenStock(ctx context.Context, by access.Actor, n asset.NewStock) (*asset.StockTake, error)
	Stocks(ctx context.Context, by access.Actor) ([]asset.StockTake, error)
	Stock(ctx context.Context, by access.Actor, stock string) (asset.StockView, error)
	Seen(ctx context.Context, by access.Actor, stock, code, how, place string) (asset.StockSeen, error)
	Unsee(ctx context.Context, by access.Actor, sighting string) error
	NoteStock(ctx context.Context, by access.Actor, stock string, numbers []string, done, text string) error
	RemindStock(ctx context.Context, by access.Actor, stock string) (letters int, err error)
	FinishStock(ctx context.Context, by access.Actor, stock, hash string) (*asset.StockTake, error)
	StockSealOf(ctx context.Context, by access.Actor, stock string) (asset.StockSeal, error)
}

// Pictures reads the code in a picture.
type Pictures interface {
	Read(ctx context.Context, picture io.Reader) (string, error)
}

// Deps are the services that the pages ask.
type Deps struct {
	Counts   Counts
	Pictures Pictures
	Font     *paper.Font
	Words    i18n.Printer // the language and zone in which results are signed and printed
}

// maxPicture is what one press may send.
const maxPicture = 13 << 20

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /stocktakes", Do: d.list},
		{Pattern: "GET /stocktakes/new", Do: d.form},
		{Pattern: "POST /stocktakes/new", Do: d.open},
		{Pattern: "GET /stocktakes/{label}", Do: d.show},
		{Pattern: "POST /stocktakes/{label}/seen", Do: d.seen},
		{Pattern: "POST /stocktakes/{label}/undo", Do: d.undo},
		{Pattern: "POST /stocktakes/{label}/picture", Do: d.picture, Stream: true, MaxBody: maxPicture},
		{Pattern: "POST /stocktakes/{label}/note", Do: d.verb("note", note)},
		{Pattern: "POST /stocktakes/{label}/remind", Do: d.verb("remind", remind)},
		{Pattern: "POST /stocktakes/{label}/finish", Do: d.verb("finish", finish)},
		{Pattern: "GET /stocktakes/{label}/result.csv", Do: d.csv},
		{Pattern: "GET /stocktakes/{label}/result.json", Do: d.data},
		{Pattern: "GET /stocktakes/{label}/result.note", Do: d.signed},
		{Pattern: "GET /stocktakes/{label}/result.pdf", Do: d.pdf},
	}
}
