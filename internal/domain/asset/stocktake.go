package asset

import (
	"context"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
)

// StockTake is one count of what the company has (棚卸): a list that is frozen when it
// opens, and what was seen of it since.
type StockTake struct {
	ID          string // stk_…
	Label       string // STK-2026-0001
	Title       string
	Departments []string // with those below them; none: the whole company
	Kinds       []Kind   // none: every kind
	OpenedBy    string
	OpenedAt    time.Time
	Due         jpcal.Date // the last day
	FinishedBy  string
	FinishedAt  time.Time // zero while it is open
	Expected    int       // things on the list
	Reminded    time.Time // when the keepers were last reminded
	NextFire    time.Time // durable timer: the next reminder; zero when it rests
	ErasedAt    time.Time // when its title, list and result were erased; zero while they stand
}

// Open reports whether it is still being counted.
func (t StockTake) Open() bool { return t.FinishedAt.IsZero() }

// StockItem is one thing as it was when the count opened: what is expected to be seen.
type StockItem struct {
	Stock      string
	Asset      string
	Number     string
	Kind       Kind
	Model      string
	Department string
	Keeper     string
	Place      string
	State      State  // in store, lent, overdue or in repair
	Borrower   string // who had it; "" for nobody
	Note       StockNote
}

// StockNote is what was done about a thing that was not seen.
type StockNote struct {
	Done string // one of StockDone
	Text string
	By   string
	At   time.Time
}

// StockDone lists what may have been done about a thing that was not seen.
func StockDone() []string {
	return []string{"searching", "reported", "lent", "moved", "disposed", "entry_wrong", "other"}
}

// How a thing was seen.
const (
	StockByCamera = "camera" // the code was read by the browser
	StockByPhoto  = "photo"  // the code was read from a picture that was sent
	StockByHand   = "typed"
	StockByPC     = "agent" // a PC has met the medium since the count opened
)

// StockSighting is one thing seen by one person at one place.
type StockSighting struct {
	ID     string // sgt_…
	Stock  string
	Number string // as the label says, in its plain form
	Asset  string // that it is; "" when the ledger does not know the number
	Listed bool   // on the list, and the counter's to count
	Why    string // why it is not Listed: one of the StockWhy values; "" when it is
	How    string
	Place  string
	By     string
	At     time.Time
	Undone time.Time // taken back by who counted it
}

// Why a sighting does not count.
const (
	StockWhyUnknown   = "unknown"   // no such number in the ledger
	StockWhyElsewhere = "elsewhere" // in the ledger, but not on this list
	StockWhyLost      = "lost"      // the ledger says that it was lost
	StockWhyDisposed  = "disposed"  // the ledger says that it is no more
	StockWhyNotYours  = "not_yours" // on the list, but another department's
)

// StockProof is when a PC last met a medium.
type StockProof struct {
	At     time.Time
	Device string
}

// StockSeal is the signed result of a finished count, byte for byte as it was made.
type StockSeal struct {
	Stock string
	CSV   []byte // every thing and what was seen of it
	Data  []byte // canonical JSON: what the paper says (StockReport)
	Note  string // signed note over both
}

// StockTx is one transaction over counts. What is not there is a fault of kind NotFound
// unless a bool says so.
type StockTx interface {
	journal.Recorder
	notice.Letters
	NextStockNumber(ctx context.Context, year int) (int, error)
	// StockLedger reads what may be on a list: every thing that is neither lost nor
	// disposed of. It holds nothing; a thing that is lent meanwhile stays on the list.
	StockLedger(ctx context.Context, now time.Time) ([]StockItem, error)
	InsertStock(ctx context.Context, t *StockTake, items []StockItem) error
	// LockStock reads a count by id or label and holds it until the end.
	LockStock(ctx context.Context, stock string) (*StockTake, error)
	SaveStock(ctx context.Context, t *StockTake) error
	// StockItemOf reads the thing of a number on a list.
	StockItemOf(ctx context.Context, stock, number string) (StockItem, bool, error)
	SaveStockNote(ctx context.Context, stock, number string, n StockNote) error
	// AssetNumbered gives the thing of a number, on the list or not.
	AssetNumbered(ctx context.Context, number string) (asset string, state State, ok bool, err error)
	// SightingsOf lists those of a number that were not taken back, in the order of time.
	SightingsOf(ctx context.Context, stock, number string) ([]StockSighting, error)
	LockSighting(ctx context.Context, sighting string) (StockSighting, error)
	// CountStray counts what a person has seen that is not on the list.
	CountStray(ctx context.Context, stock, person string) (int, error)
	InsertSighting(ctx context.Context, g StockSighting) error
	UndoSighting(ctx context.Context, sighting string, at time.Time) error
	StockItems(ctx context.Context, stock string) ([]StockItem, error)
	StockSightings(ctx context.Context, stock string) ([]StockSighting, error)
	StockProofs(ctx context.Context, from, until time.Time) (map[string]StockProof, error)
	InsertStockSeal(ctx context.Context, s StockSeal) error
}

// StockStore reads and changes counts.
type StockStore interface {
	UpdateStock(ctx context.Context, f func(StockTx) error) error
	Stocks(ctx context.Context) ([]StockTake, error) // newest first
	Stock(ctx context.Context, stock string) (*StockTake, error)
	// StockItems lists the things of a count by number, StockSightings what was seen and
	// not taken back, in the order of time.
	StockItems(ctx context.Context, stock string) ([]StockItem, error)
	StockSightings(ctx context.Context, stock string) ([]StockSighting, error)
	// StockKeeps reports whether a person keeps or has something that is on the list.
	StockKeeps(ctx context.Context, stock, person string) (bool, error)
	// StockProofs gives for each thing when a PC last met it within the time, by its id.
	StockProofs(ctx context.Context, from, until time.Time) (map[string]StockProof, error)
	StockSealOf(ctx context.Context, stock string) (StockSeal, bool, error)
	DueStocks(ctx context.Context, now time.Time, limit int) ([]string, error)
	NextStockFire(ctx context.Context) (time.Time, bool, error)
}

// StockParts are what a StockService is made of.
type StockParts struct {
	Store    StockStore
	People   *directory.Service
	Now      func() time.Time
	Zone     *time.Location // the company's
	Calendar *jpcal.Calendar
	Company  string       // its name, on the paper
	Words    i18n.Printer // the company's language and zone: what is signed is written in it
	Signer   note.Signer
	// Origins are the addresses that labels carry, such as "https://sekimori.example.jp",
	// the present one first. A code with another one is not ours.
	Origins []string
}

// StockService is the verbs of counting.
type StockService struct{ p StockParts }

// NewStockService makes the service.
func NewStockService(p StockParts) *StockService { return &StockService{p: p} }

func (s *StockService) now() time.Time { return s.p.Now().UTC().Truncate(time.Microsecond) }

// maxStockCode bounds what a label may say, in bytes.
const maxStockCode = 300

// StockCode is what the QR code of a label says: the address of the thing's page.
func StockCode(origin, number string) string {
	return strings.TrimSuffix(origin, "/") + "/assets/" + url.PathEscape(number)
}

// ParseStockCode reads what a camera has read or a person has typed: our number, or the
// address that StockCode makes with one of the origins, and nothing around it. It gives
// the number in its plain form.
func ParseStockCode(text string, origins []string) (string, bool) {
	if len(text) > maxStockCode {
		return "", false
	}
	text = strings.TrimSpace(text)
	if strings.Contains(text, "://") {
		rest, ours := "", false
		for _, o := range origins {
			if r, ok := strings.CutPrefix(text, strings.TrimSuffix(o, "/")+"/assets/"); ok && o != "" {
				rest, ours = r, true
			}
		}
		n, err := url.PathUnescape(rest)
		if !ours || err != nil || !number(n) || code(n) != n {
			return "", false
		}
		return n, true
	}
	n := code(text)
	return n, number(n)
}

// stockScope is what one actor may see and count of one count.
type stockScope struct {
	o      *directory.Org
	by     access.Actor
	all    bool // sees every line
	manage bool // counts every line
	counts bool // counts at all
}

// scope gives what the actor may do with a count. One that they have nothing to do with
// looks as if it did not exist.
func (s *StockService) scope(ctx context.Context, by access.Actor, t *StockTake) (stockScope, bool, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return stockScope{}, false, err
	}
	sc := stockScope{o: o, by: by, all: by.May(access.ReadAssets) == nil, manage: by.May(access.ManageAssets) == nil}
	// Everybody may count what is theirs; auditors may not.
	if by.May(access.CountAssets) != nil && !sc.manage {
		return sc, sc.all, nil
	}
	sc.counts = sc.manage || len(t.Departments) == 0
	for _, d := range t.Departments {
		sc.counts = sc.counts || below(o, by.Department, d) || o.Heads(by.Person, d)
	}
	if !sc.counts {
		if sc.counts, err = s.p.Store.StockKeeps(ctx, t.ID, by.Person); err != nil {
			return sc, false, err
		}
	}
	return sc, sc.all || sc.counts, nil
}

// mine reports whether a thing is the actor's to count: they keep it or have it, it is
// their own department's, or they head its department or one above.
func (sc stockScope) mine(i StockItem) bool {
	return sc.counts && (sc.manage || i.Keeper == sc.by.Person || i.Borrower == sc.by.Person ||
		i.Department == sc.by.Department || sc.o.Heads(sc.by.Person, i.Department))
}

func (sc stockScope) sees(i StockItem) bool { return sc.all || sc.mine(i) }

// below reports whether a department is another or lies below it.
func below(o *directory.Org, department, above string) bool {
	seen := map[string]bool{}
	for d := department; d != "" && !seen[d]; d = o.Departments[d].Parent {
		seen[d] = true
		if d == above {
			return true
		}
	}
	return false
}

func stockRecord(ctx context.Context, tx StockTx, at time.Time, kind, stock, actor string, data any) error {
	ev, err := journal.NewEvent(at, kind, stock, actor, data)
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}
