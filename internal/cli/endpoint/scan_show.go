package endpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/kit/sheet"
	"sekimori/internal/pii"
	"sekimori/internal/pii/read"
	"sekimori/internal/pii/walk"
)

// showScan prints the files with most people first, and then what they come to.
func (s *shell) showScan(f scanFlags, sum walk.Summary, files []walk.File) {
	here, err := os.Getwd()
	if err != nil {
		here = ""
	}
	shown := 0
	for _, file := range files {
		if file.Sure() {
			if shown++; shown > scanShown && !f.all {
				continue
			}
			s.say(s.p.T("scan.file", "people", fmt.Sprintf("%7s", s.p.Count(file.People)), "file", near(here, file.Path)))
			s.say("            " + s.kinds(file.Counts))
			if f.findings {
				s.showFindings(file)
			}
		}
	}
	if left := shown - scanShown; left > 0 && !f.all {
		s.say(s.p.T("scan.more", "n", left))
	}
	if f.all {
		s.showRest(here, files)
	}
	if shown > 0 {
		s.say("")
	}
	s.showSum(sum)
}

// near shortens a path that lies below the current folder.
func near(here, path string) string {
	if rest, ok := strings.CutPrefix(path, here+string(os.PathSeparator)); ok && here != "" {
		return rest
	}
	return path
}

// showFindings prints places and masked values.
func (s *shell) showFindings(f walk.File) {
	for _, n := range f.Findings {
		if n.Confidence > pii.Possible {
			s.say("              " + strings.Join([]string{s.place(n.Place), s.p.T("scan.kind." + string(n.Kind)), n.Masked}, "  "))
		}
	}
	if f.Left > 0 {
		s.say("              " + s.p.T("scan.findings_left", "n", f.Left))
	}
}

func (s *shell) place(p pii.Place) string {
	out := p.Part
	if p.Cell != "" {
		out = strings.TrimSpace(out + " " + p.Cell)
	}
	if p.Line > 0 {
		out = strings.TrimSpace(out + " " + s.p.T("scan.line", "n", p.Line))
	}
	return out
}

// showRest prints what is only possible, what could not be read, and what was passed over.
func (s *shell) showRest(here string, files []walk.File) {
	for _, f := range files {
		path := near(here, f.Path)
		if f.Skipped != "" {
			s.say(s.p.T("scan.skip."+string(f.Skipped)) + "  " + path)
		}
		if len(f.Counts) > 0 && !f.Sure() {
			s.say(s.p.T("scan.possible") + "  " + path)
		}
		for _, u := range f.Unread {
			at := path
			if u.Part != "" {
				at += " › " + u.Part
			}
			s.say(s.p.T("scan.unread", "why", s.p.T("scan.reason."+string(u.Reason)), "file", at))
		}
		if f.UnreadToo > 0 {
			s.say(s.p.T("scan.unread_more", "n", f.UnreadToo, "file", path))
		}
	}
}

// showSum prints totals.
func (s *shell) showSum(sum walk.Summary) {
	if sum.Found == 0 {
		s.say(s.p.T("scan.nothing"))
	} else {
		s.say(s.p.T("scan.found", "files", sum.Found, "people", s.p.Count(sum.People)))
		s.say("  " + s.kinds(sum.Counts))
	}
	s.say(s.p.T("scan.seen", "files", s.p.Count(sum.Files), "size", s.p.Bytes(sum.Bytes), "reused", s.p.Count(sum.Reused)))
	var unread, skipped []string
	for _, r := range read.Reasons() {
		if n := sum.Unread[r]; n > 0 {
			unread = append(unread, s.p.T("scan.reason."+string(r))+" "+s.p.Count(n))
		}
	}
	for _, k := range walk.Skips() {
		if n := sum.Skipped[k]; n > 0 {
			skipped = append(skipped, s.p.T("scan.skip."+string(k))+" "+s.p.Count(n))
		}
	}
	if len(unread) > 0 {
		s.say(s.p.T("scan.could_not", "list", s.enumerate(unread)))
	}
	if len(skipped) > 0 {
		s.say(s.p.T("scan.passed_over", "list", s.enumerate(skipped)))
	}
	if sum.Gone > 0 {
		s.say(s.p.T("scan.gone", "n", sum.Gone))
	}
	if sum.StateLost {
		s.say(s.p.T("scan.state_lost"))
	}
}

// scanCSV writes a table of all files that there is something to say of, whole or not at all.
func (s *shell) scanCSV(name string, encoding sheet.Encoding, files []walk.File) error {
	header := []string{s.p.T("scan.csv.people"), s.p.T("scan.csv.file"), s.p.T("scan.csv.size"), s.p.T("scan.csv.modified"), s.p.T("scan.csv.kind")}
	for _, k := range pii.Kinds() {
		header = append(header, s.p.T("scan.kind."+string(k)))
	}
	header = append(header, s.p.T("scan.csv.possible"), s.p.T("scan.csv.unread"))
	rows := func(yield func([]string) bool) {
		for _, f := range files {
			if !yield(s.scanRow(f)) {
				return
			}
		}
	}
	out, err := os.CreateTemp(filepath.Dir(name), ".sekimori-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = sheet.Write(out, encoding, header, rows)
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), name)
	}
	if err != nil {
		_ = os.Remove(out.Name()) // the first error is the one to hear of
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (s *shell) scanRow(f walk.File) []string {
	row := []string{strconv.Itoa(f.People), f.Path, strconv.FormatInt(f.Size, 10), "", string(f.Kind)}
	if !f.Modified.IsZero() {
		row[3] = f.Modified.In(s.p.Location()).Format(time.DateTime)
	}
	possible := 0
	for _, k := range pii.Kinds() {
		row = append(row, strconv.Itoa(f.Counts[k].Sure()))
		possible += f.Counts[k].Possible
	}
	why := ""
	switch {
	case f.Skipped != "":
		why = s.p.T("scan.skip." + string(f.Skipped))
	case len(f.Unread) > 0:
		why = s.p.T("scan.reason." + string(f.Unread[0].Reason))
	}
	return append(row, strconv.Itoa(possible), why)
}
