package store

import (
	"context"

	"sekimori/internal/domain/incident"
)

const lessonColumns = `id, incident, kind, title, happened, now_done, version, state, written_by, written_at, done_by, done_at,
	ended_by, ended_at, ended_why`

func scanLesson(r scanner) (l incident.Lesson, err error) {
	var written, done, ended int64
	err = r.Scan(&l.ID, &l.Incident, (*string)(&l.Kind), &l.Title, &l.Happened, &l.Now, &l.Version, (*string)(&l.State), &l.WrittenBy, &written,
		&l.DoneBy, &done, &l.EndBy, &ended, &l.EndWhy)
	l.WrittenAt, l.DoneAt, l.EndAt = at(written), at(done), at(ended)
	return l, err
}

// InsertLesson adds a draft.
func (t *txn) InsertLesson(_ context.Context, l incident.Lesson) error {
	return t.exec("INSERT INTO inc_lesson ("+lessonColumns+") VALUES ("+marks(1, 15)+")", l.ID, l.Incident, string(l.Kind), l.Title, l.Happened, l.Now,
		l.Version, string(l.State), l.WrittenBy, micros(l.WrittenAt), l.DoneBy, micros(l.DoneAt), l.EndBy, micros(l.EndAt), l.EndWhy)
}

// LockLesson reads a lesson and holds it until the transaction ends.
func (t *txn) LockLesson(_ context.Context, lesson string) (incident.Lesson, error) {
	l, err := one(t.ctx, t, scanLesson, "SELECT "+lessonColumns+" FROM inc_lesson WHERE id = $1"+t.w.d.forUpdate, lesson)
	return found("lesson", l, err)
}

// SaveLesson writes what may change of a lesson.
func (t *txn) SaveLesson(_ context.Context, l incident.Lesson) error {
	return t.exec(`UPDATE inc_lesson SET title = $1, happened = $2, now_done = $3, version = $4, state = $5, written_by = $6, written_at = $7,
		done_by = $8, done_at = $9, ended_by = $10, ended_at = $11, ended_why = $12 WHERE id = $13`,
		l.Title, l.Happened, l.Now, l.Version, string(l.State), l.WrittenBy, micros(l.WrittenAt), l.DoneBy, micros(l.DoneAt), l.EndBy, micros(l.EndAt), l.EndWhy, l.ID)
}

// LessonByID reads one lesson.
func (db *DB) LessonByID(ctx context.Context, lesson string) (incident.Lesson, error) {
	l, err := one(ctx, db.read, scanLesson, "SELECT "+lessonColumns+" FROM inc_lesson WHERE id = $1", lesson)
	return found("lesson", l, err)
}

// LessonsOf lists the lessons of a case, oldest first.
func (db *DB) LessonsOf(ctx context.Context, of string) ([]incident.Lesson, error) {
	return all(ctx, db.read, scanLesson, "SELECT "+lessonColumns+" FROM inc_lesson WHERE incident = $1 ORDER BY written_at, id", of)
}

// Published lists what is published, newest first; kind "" is every kind.
func (db *DB) Published(ctx context.Context, kind incident.Kind, limit int) ([]incident.Lesson, error) {
	return all(ctx, db.read, scanLesson, "SELECT "+lessonColumns+` FROM inc_lesson WHERE state = 'published' AND ($1 = '' OR kind = $2)
		ORDER BY done_at DESC, id DESC LIMIT $3`, string(kind), string(kind), limit)
}
