package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"sekimori/internal/kit/fault"
)

// upload passes a body on and remembers why it broke off: a caller's broken
// connection is not a failure of ours.
type upload struct {
	r   io.Reader
	err error
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}

// keepFile hands the body, its name and the media type that its first bytes tell to keep,
// and answers with what was kept and where it is.
func (s *server) keepFile(w http.ResponseWriter, r *http.Request, keep func(name, media string, body io.Reader) (location string, view any, err error)) error {
	body := &upload{r: r.Body}
	look := bufio.NewReaderSize(body, 4<<10)
	head, err := look.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return cutOff(err)
	}
	location, view, err := keep(r.URL.Query().Get("name"), http.DetectContentType(head), look)
	if err != nil {
		if body.err != nil && fault.As(err) == nil {
			return cutOff(body.err)
		}
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(view); err != nil {
		s.logFailure(r.Context(), fmt.Errorf("write answer: %w", err))
	}
	return nil
}

// sendFile answers with a file as an attachment. One that breaks off breaks the connection,
// so that nobody takes the part for the whole.
func (s *server) sendFile(w http.ResponseWriter, r *http.Request, name, media string, size int64, body io.ReadCloser) {
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	if _, err := io.Copy(w, body); err != nil {
		s.logFailure(r.Context(), fmt.Errorf("send file %s: %w", r.URL.Path, err))
		panic(http.ErrAbortHandler)
	}
}
