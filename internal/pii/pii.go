// Package pii finds personal information of people in Japan in bytes of any encoding, and says about how many people
// it is of. It keeps no value: what it hands out is the kind, the place, a masked form and a short salted hash.
//
// A [Detector] is made once and shared. It opens a [Session] for each file; what takes the file apart feeds the session
// texts ([Session.Text]) and tables ([Session.Table]) in any order, and asks for the [Result] at the end. Plain text and
// CSV, whole as they lie on the disk, need no taking apart: [Detector.Scan] does it in one call.
//
// docs/detection.md tells what is found, how sure, and how that was measured.
package pii

import (
	"context"
	"io"
)

// Kind names what was found. The names are stable: they are stored and sent.
type Kind string

// The kinds of personal information.
const (
	MyNumber        Kind = "my_number"
	DriverLicence   Kind = "driver_licence"
	Passport        Kind = "passport"
	ResidenceCard   Kind = "residence_card"
	Pension         Kind = "pension"
	HealthInsurance Kind = "health_insurance"
	Yucho           Kind = "yucho"
	BankAccount     Kind = "bank_account"
	PaymentCard     Kind = "payment_card"
	Phone           Kind = "phone"
	Mail            Kind = "mail"
	Address         Kind = "address"
	Name            Kind = "name"
	BirthDate       Kind = "birth_date"
)

// Kinds lists every kind, in the order in which people are shown them.
func Kinds() []Kind {
	return []Kind{MyNumber, DriverLicence, Passport, ResidenceCard, Pension, HealthInsurance, Yucho, BankAccount,
		PaymentCard, Phone, Mail, Address, Name, BirthDate}
}

// Confidence is how sure a finding is.
type Confidence uint8

// The classes of confidence.
const (
	Possible Confidence = iota + 1 // the shape fits, little speaks for it or against it
	Likely                         // the shape is rare by itself, or words near it name the kind
	Certain                        // shape and checks hold, and words near it or the column's header name the kind
)

// String gives the stable name of the class.
func (c Confidence) String() string {
	switch c {
	case Certain:
		return "certain"
	case Likely:
		return "likely"
	case Possible:
		return "possible"
	}
	return "none"
}

// Place says where in a file a finding is.
type Place struct {
	Part   string `json:"part,omitempty"`   // sheet, page, attachment or member of an archive; empty for the file itself
	Line   int    `json:"line,omitempty"`   // from 1; 0 where there are no lines
	Column int    `json:"column,omitempty"` // in characters, from 1; 0 if unknown
	Cell   string `json:"cell,omitempty"`   // such as "B12", or the header of the column
}

// Finding is one value that was found, without the value.
type Finding struct {
	Kind       Kind       `json:"kind"`
	Confidence Confidence `json:"confidence"`
	Place      Place      `json:"place"`
	Masked     string     `json:"masked"` // at most the last two to four characters are readable
	Hash       string     `json:"hash"`   // 16 hex digits: salted, so that equal values are seen as equal here and nowhere else
}

// Count is how many values of one kind were found, by confidence. Equal values count each time.
type Count struct {
	Certain  int `json:"certain,omitempty"`
	Likely   int `json:"likely,omitempty"`
	Possible int `json:"possible,omitempty"`
}

// Sure is the number of values that are worth showing without being asked: all but the possible ones.
func (c Count) Sure() int { return c.Certain + c.Likely }

// Basis says how the people of a file were counted.
type Basis string

// The ways of counting people.
const (
	ByNothing     Basis = ""            // no people were found
	ByRows        Basis = "rows"        // rows of tables that hold something of a person; equal rows count once
	ByIdentifiers Basis = "identifiers" // different values of the kind that has the most of them
	ByBoth        Basis = "both"        // rows of the tables, and identifiers of the text beside them
)

// Encoding is how characters are written as bytes.
type Encoding string

// The encodings that are known. A file may mix them; each place is read in the one that fits it.
const (
	ASCII     Encoding = "ascii"
	UTF8      Encoding = "utf-8"
	ShiftJIS  Encoding = "shift_jis" // with the extensions of code page 932
	EUCJP     Encoding = "euc-jp"
	ISO2022JP Encoding = "iso-2022-jp"
	UTF16LE   Encoding = "utf-16le"
	UTF16BE   Encoding = "utf-16be"
)

// Result is what a file holds.
type Result struct {
	People    int            `json:"people"` // about; exact up to some thousands, then within about one in a hundred
	CountedBy Basis          `json:"counted_by,omitempty"`
	Counts    map[Kind]Count `json:"counts,omitempty"`
	Findings  []Finding      `json:"findings,omitempty"` // the first of them, at most Options.Keep
	Left      int            `json:"left,omitempty"`     // findings that were counted but not kept
	Encodings []Encoding     `json:"encodings,omitempty"`
	Bytes     int64          `json:"bytes"` // of texts that were read
}

// Options are a company's own choices. The zero value is good.
type Options struct {
	// Salt makes the hashes of findings comparable within one company only. Empty means a hash that anybody who has
	// the value could compute; give 16 random bytes or more.
	Salt []byte
	// OwnDomains are mail domains that are not reported, with their subdomains: the company's own.
	OwnDomains []string
	// Samples reports also what is plainly an example: 090-0000-0000, example.com, 123456789018.
	Samples bool
	// Plain does without the processor's byte shuffles, for measuring what they bring. The same is found.
	Plain bool
	// Keep bounds the findings in a result; 0 means 1,000. Counting goes on beyond it.
	Keep int
}

// Hint is what is known of a text before it is read. The zero value is good.
type Hint struct {
	Encoding Encoding // as declared by a mail part or a database; only UTF-16 is believed, the others show themselves
	Prose    bool     // never take it for a table, as the text of a letter is none
}

// Scan reads one plain file to its end: text or CSV in any encoding, log or JSON. It needs the same small memory for
// every size. The error is r's own or ctx's; what was found until then is in the result.
func (d *Detector) Scan(ctx context.Context, r io.Reader, hint Hint) (Result, error) {
	s := d.Open()
	err := s.Text(ctx, "", r, hint)
	return s.Result(), err
}

// Sink takes the parts of a file from whatever takes the file apart. [Session] is one.
type Sink interface {
	// Text reads r to its end. part names the sheet, page, attachment or member; it may be empty.
	Text(ctx context.Context, part string, r io.Reader, hint Hint) error
	// Table begins a table whose cells come one by one.
	Table(part string) Rows
}

// Rows takes one table. Cells are UTF-8.
type Rows interface {
	// Header names the columns. Without a call to it, the first rows are looked through for one.
	Header(cells []string)
	// Row takes the next row. at.Line is its number; at.Cell, such as "A12", is the cell of its first column, or empty.
	Row(cells []string, at Place)
}
