package page

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
)

// uploadTime is how long one press may take to send its files over a slow line.
const uploadTime = 15 * time.Minute

// Upload hands each file of a form to keep as it streams in: nothing waits in memory or
// in a temporary file, and a file's sort is found by looking at it, never taken from
// the sender. What the person can mend comes back as a fault at the field "file"; files
// kept before it stay kept.
//
// The route must be a streaming one, whose body nobody has read.
func (r *Request) Upload(w http.ResponseWriter, keep func(incident.Upload) error) error {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("prepare upload: %w", err)
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return fault.New(fault.Invalid, "fault.invalid", nil)
	}
	kept, err := eachFile(parts, keep)
	if f := fault.As(err); f != nil && f.Kind == fault.TooLarge {
		return &fault.Error{Kind: f.Kind, ID: f.ID, Args: f.Args, Fields: []fault.Field{{Name: "file", ID: f.ID, Args: f.Args}}}
	}
	if err == nil && kept == 0 {
		var c fault.Check
		c.Add("file", "fault.required", nil)
		return c.Err()
	}
	return err
}

func eachFile(parts *multipart.Reader, keep func(incident.Upload) error) (kept int, err error) {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return kept, nil
		}
		if err != nil {
			return kept, sendersFault(err)
		}
		if part.FileName() == "" {
			continue // an empty input, or a field that is no file
		}
		if err := oneFile(part, keep); err != nil {
			return kept, err
		}
		kept++
	}
}

func oneFile(part *multipart.Part, keep func(incident.Upload) error) error {
	line := &watched{r: part}
	body := bufio.NewReaderSize(line, 4096)
	head, err := body.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return sendersFault(err)
	}
	err = keep(incident.Upload{Name: part.FileName(), Media: http.DetectContentType(head), Body: body})
	if line.err != nil {
		return sendersFault(line.err)
	}
	return err
}

// watched remembers why a body could not be read to its end: that is the sender's
// matter, while any other failure to keep a file is ours.
type watched struct {
	r   io.Reader
	err error
}

// Read passes bytes on.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// sendersFault tells a body that is too long from one that broke off.
func sendersFault(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": strconv.FormatInt(big.Limit, 10)})
	}
	return fault.New(fault.Invalid, "fault.upload_broken", nil)
}

// File reads the one file of a form, named file, of at most max bytes. What the person
// can mend comes back as a fault at the field "file".
//
// The route must be a streaming one, whose body nobody has read.
func (r *Request) File(max int) ([]byte, error) {
	broken := fault.New(fault.Invalid, "fault.upload_broken", nil)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, broken
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			var c fault.Check
			c.Add("file", "fault.required", nil)
			return nil, c.Err()
		}
		if err != nil {
			return nil, broken
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		raw, err := io.ReadAll(io.LimitReader(part, int64(max)+1))
		switch {
		case len(raw) > max:
			args := fault.Args{"max": strconv.Itoa(max)}
			return nil, &fault.Error{Kind: fault.TooLarge, ID: "fault.too_large", Args: args, Fields: []fault.Field{{Name: "file", ID: "fault.too_large", Args: args}}}
		case err != nil:
			return nil, broken
		}
		return raw, nil
	}
}
