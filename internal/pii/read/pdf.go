package read

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klippa-app/go-pdfium"
	pdferr "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	// pdfPages is the memory of the PDF reader in WebAssembly pages of 64 KiB: 256 MiB.
	pdfPages = 4096
	maxPages = 100_000
)

// pdfEngine is PDFium, compiled to WebAssembly: it sees the bytes of the document and nothing else.
type pdfEngine struct {
	pool     pdfium.Pool
	instance pdfium.Pdfium
	cache    wazero.CompilationCache
}

// startPDF compiles the reader, or takes it from the folder of compiled code.
func startPDF(ctx context.Context, folder string) (*pdfEngine, error) {
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling
	config := wazero.NewRuntimeConfig().WithCoreFeatures(features).WithMemoryLimitPages(pdfPages)
	e := &pdfEngine{}
	if folder != "" {
		var err error
		if e.cache, err = wazero.NewCompilationCacheWithDir(folder); err != nil {
			return nil, fmt.Errorf("open the folder of compiled code: %w", err)
		}
		config = config.WithCompilationCache(e.cache)
	}
	var err error
	e.pool, err = webassembly.Init(webassembly.Config{
		Context: ctx, MaxIdle: 1, MaxTotal: 1, RuntimeConfig: config,
		FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	if e.instance, err = e.pool.GetInstance(time.Minute); err != nil {
		return nil, errors.Join(fmt.Errorf("start the PDF reader: %w", err), e.close())
	}
	return e, nil
}

func (e *pdfEngine) close() error {
	var errs []error
	if e.instance != nil {
		errs = append(errs, e.instance.Close())
	}
	errs = append(errs, e.pool.Close())
	if e.cache != nil {
		errs = append(errs, e.cache.Close(context.Background()))
	}
	return errors.Join(errs...)
}

// readPDF reads the text of every page, the values of form fields, notes, and attached files.
func readPDF(b box, in input) error {
	r := b.job.reader
	if r.pdf == nil {
		ctx := context.WithoutCancel(b.job.ctx)
		engine, err := startPDF(ctx, r.opt.Cache)
		if err != nil && r.opt.Cache != "" { // compiled code of another version, which may not be replaced from here
			engine, err = startPDF(ctx, "")
		}
		if err != nil {
			return &refusal{why: TooLarge, err: err}
		}
		r.pdf = engine
	}
	err := pdfFile{box: b, pdf: r.pdf.instance}.read(in)
	if err != nil && errors.Is(err, errPDFBroken) { // what has trapped may be in any state
		_ = r.Close()
	}
	return err
}

var errPDFBroken = errors.New("the PDF reader fell over")

type pdfFile struct {
	box box
	pdf pdfium.Pdfium
	doc references.FPDF_DOCUMENT
}

func (p pdfFile) read(in input) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", errPDFBroken, v)
		}
	}()
	opened, err := p.pdf.OpenDocument(&requests.OpenDocument{FileReader: io.NewSectionReader(in.at, 0, in.size), FileReaderSize: in.size})
	switch {
	case errors.Is(err, pdferr.ErrPassword), errors.Is(err, pdferr.ErrSecurity):
		return because(Encrypted)
	case err != nil:
		return pdfTrap(err)
	}
	p.doc = opened.Document
	defer func() { _, _ = p.pdf.FPDF_CloseDocument(&requests.FPDF_CloseDocument{Document: p.doc}) }()
	count, err := p.pdf.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: p.doc})
	if err != nil {
		return pdfTrap(err)
	}
	if count.PageCount > maxPages {
		return because(TooManyParts)
	}
	pictures, bad := 0, 0
	for i := range count.PageCount {
		found, err := p.page(i)
		if err != nil {
			if ends(err) || errors.Is(err, errPDFBroken) {
				return err
			}
			bad++
			p.box.unread(pageName(i), PDF, reasonOf(err))
		} else if !found {
			pictures++
		}
	}
	if count.PageCount > 0 && pictures+bad == count.PageCount {
		p.box.unread("pages", Picture, Unsupported) // scanned: there is no character in it
	}
	return p.attachments()
}

func pageName(i int) string { return fmt.Sprintf("p. %d", i+1) }

// pdfTrap tells a trap of the machine from an error of the document.
func pdfTrap(err error) error {
	if strings.Contains(err.Error(), "wasm error") || strings.Contains(err.Error(), "panic") {
		return fmt.Errorf("%w: %w", errPDFBroken, err)
	}
	return err
}

// page hands one page on; found is false where it holds no character.
func (p pdfFile) page(i int) (found bool, err error) {
	page := requests.Page{ByIndex: &requests.PageByIndex{Document: p.doc, Index: i}}
	got, err := p.pdf.GetPageText(&requests.GetPageText{Page: page})
	if err != nil {
		return false, pdfTrap(err)
	}
	if err := p.box.job.spend(int64(len(got.Text))); err != nil {
		return false, err
	}
	text := p.box.text(pageName(i))
	text.addString(strings.ReplaceAll(got.Text, "\r\n", "\n"))
	text.newline()
	fields := p.notes(page, text)
	return fields || strings.TrimSpace(got.Text) != "", text.end()
}

// notes reads what lies upon a page: form fields and remarks. What cannot be read of them is no reason to stop.
func (p pdfFile) notes(page requests.Page, text *writer) (found bool) {
	count, err := p.pdf.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: page})
	if err != nil {
		return false
	}
	for i := range min(count.Count, 10_000) {
		note, err := p.pdf.FPDFPage_GetAnnot(&requests.FPDFPage_GetAnnot{Page: page, Index: i})
		if err != nil {
			continue
		}
		for _, key := range []string{"V", "Contents"} {
			v, err := p.pdf.FPDFAnnot_GetStringValue(&requests.FPDFAnnot_GetStringValue{Annotation: note.Annotation, Key: key})
			if err == nil && v.Value != "" {
				text.line(v.Value)
				found = true
			}
		}
		_, _ = p.pdf.FPDFPage_CloseAnnot(&requests.FPDFPage_CloseAnnot{Annotation: note.Annotation})
	}
	return found
}

func (p pdfFile) attachments() error {
	count, err := p.pdf.FPDFDoc_GetAttachmentCount(&requests.FPDFDoc_GetAttachmentCount{Document: p.doc})
	if err != nil {
		return pdfTrap(err)
	}
	for i := range count.AttachmentCount {
		if i > p.box.job.limits.Parts {
			return &stopError{because(TooManyParts)}
		}
		a, err := p.pdf.FPDFDoc_GetAttachment(&requests.FPDFDoc_GetAttachment{Document: p.doc, Index: i})
		if err != nil {
			continue
		}
		name := fmt.Sprintf("attachment %d", i+1)
		if n, err := p.pdf.FPDFAttachment_GetName(&requests.FPDFAttachment_GetName{Attachment: a.Attachment}); err == nil && n.Name != "" {
			name = n.Name
		}
		file, err := p.pdf.FPDFAttachment_GetFile(&requests.FPDFAttachment_GetFile{Attachment: a.Attachment})
		if err != nil {
			p.box.unread(name, "", Damaged)
			continue
		}
		if err := p.box.job.spend(int64(len(file.Contents))); err != nil {
			return err
		}
		if err := p.box.member(name, input{at: bytes.NewReader(file.Contents), size: int64(len(file.Contents))}); err != nil {
			return err
		}
	}
	return nil
}
