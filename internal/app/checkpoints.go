package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
	"sekimori/internal/outbound/store"
)

// A signed checkpoint that lies on another machine shows later that nothing was changed
// or cut from the end. Two ways lead there: a folder, and a mail to each auditor.

// checkpointHour is when the day's checkpoint is mailed, in the company's zone: before
// the working day, so that the auditor finds it.
const checkpointHour = 7

// copyCheckpoint puts the newest signed checkpoint where the operator wants it.
func (h *house) copyCheckpoint(ctx context.Context) error {
	dir := h.cfg.Journal.CheckpointDir
	if dir == "" {
		return nil
	}
	cp, ok, err := h.db.Record().LastCheckpoint(ctx)
	if err != nil || !ok {
		return err
	}
	path := filepath.Join(dir, fmt.Sprintf("checkpoint-%012d.txt", cp.Size))
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make checkpoint folder: %w", err)
	}
	return writeNew(path, string(cp.Note))
}

// mailsCheckpoints reports whether auditors are mailed checkpoints.
func (h *house) mailsCheckpoints() bool {
	return h.cfg.Mail.Host != "" && h.cfg.Journal.CheckpointMail != "off"
}

// checkpointDay is the newest day whose checkpoint is to be mailed by now.
func (h *house) checkpointDay(now time.Time) string {
	y, m, d := now.In(h.zone).Date()
	due := time.Date(y, m, d, checkpointHour, 0, 0, 0, h.zone)
	for due.After(now) || h.cfg.Journal.CheckpointMail == "weekly" && due.Weekday() != time.Monday {
		due = due.AddDate(0, 0, -1)
	}
	return due.Format(time.DateOnly)
}

// auditors are those who can be mailed now.
func (h *house) auditors(ctx context.Context) ([]string, error) {
	org, err := h.people.Org(ctx)
	if err != nil {
		return nil, fmt.Errorf("load directory: %w", err)
	}
	var out []string
	for _, person := range org.Holders(access.Auditor, h.now()) {
		if org.People[person].Email != "" {
			out = append(out, person)
		}
	}
	return out, nil
}

// mailCheckpoints mails the newest checkpoint to each auditor who has not got that of
// the day. Days that the server slept through are not made up for: the newest
// checkpoint covers them. An auditor who is new gets one at once.
func (h *house) mailCheckpoints(ctx context.Context, post *mailout.SMTP) error {
	auditors, err := h.auditors(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, person := range auditors {
		errs = append(errs, h.mailCheckpoint(ctx, post, person, h.checkpointDay(h.now())))
	}
	return errors.Join(errs...)
}

// mailCheckpoint mails one auditor the checkpoint of a day, if that is still to be done
// and no other server is at it. It belongs to this server for a lease, like a notice.
func (h *house) mailCheckpoint(ctx context.Context, post *mailout.SMTP, person, day string) error {
	owed := func(m store.CheckpointMail) bool { return m.Day < day && !h.now().Before(m.Next) }
	m, err := h.db.CheckpointMail(ctx, person)
	if err != nil || !owed(m) {
		return err
	}
	cp, ok, err := h.db.Record().LastCheckpoint(ctx)
	if err != nil || !ok {
		return err
	}
	mine := false
	err = h.db.UpdateCheckpointMail(ctx, person, func(m *store.CheckpointMail, _ journal.Recorder) error {
		if mine = owed(*m); mine {
			m.Tries++
			m.Next = h.now().Add(notice.Lease)
		}
		return nil
	})
	if err != nil || !mine {
		return err
	}
	sent := sending{day: day}
	sent.answer, sent.err = post.SendCheckpoint(ctx, person, cp, h.cfg.Journal.CheckpointMail)
	// What became of it is written even when the server stops now, so that a mail just
	// handed over is not sent twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	kind := ""
	err = h.db.UpdateCheckpointMail(ctx, person, func(m *store.CheckpointMail, rec journal.Recorder) error {
		tries := m.Tries
		if kind = sent.settle(m, h.now()); kind == "" {
			return nil
		}
		ev, err := journal.NewEvent(h.now(), kind, person, "system", map[string]any{"person": person, "size": cp.Size, "root": cp.Root.String(),
			"tries": tries, "answer": sent.word()})
		if err != nil {
			return err
		}
		return rec.Record(ctx, ev)
	})
	if kind != "" && sent.err != nil {
		h.log.ErrorContext(ctx, "checkpoint not mailed", "person", person, "size", cp.Size, "error", sent.err)
	}
	return err
}

// sending is what became of one mail with a day's checkpoint.
type sending struct {
	day    string
	answer string
	err    error
}

// settle notes it, and gives the kind of event that tells of it: "" for a failure that
// goes on, because that it began was told.
func (s sending) settle(m *store.CheckpointMail, now time.Time) string {
	var no *notice.Rejection
	switch {
	case s.err == nil:
		*m = store.CheckpointMail{Day: s.day}
		return "journal.checkpoint_sent"
	case errors.As(s.err, &no):
		*m = store.CheckpointMail{Day: s.day, Refused: true}
		return "journal.checkpoint_refused"
	}
	known := m.Failing
	m.Failing, m.Next = true, now.Add(time.Duration(min(m.Tries, 5))*time.Minute)
	if known {
		return ""
	}
	return "journal.checkpoint_delayed"
}

// word is the answer to record.
func (s sending) word() string {
	if s.err != nil {
		return fmt.Sprintf("%.200s", s.err)
	}
	return fmt.Sprintf("%.200s", s.answer)
}

// unmailedCheckpoints counts the auditors whose newest checkpoint that is due was not
// taken by the mail server.
func (h *house) unmailedCheckpoints(ctx context.Context) (int, error) {
	if !h.mailsCheckpoints() {
		return 0, nil
	}
	auditors, err := h.auditors(ctx)
	if err != nil {
		return 0, err
	}
	n, day := 0, h.checkpointDay(h.now())
	for _, person := range auditors {
		m, err := h.db.CheckpointMail(ctx, person)
		if err != nil {
			return 0, err
		}
		if m.Day < day || m.Refused {
			n++
		}
	}
	return n, nil
}
