package cases

import (
	"context"
	"net/http"
	"net/url"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// lessonView is one lesson of a case.
type lessonView struct {
	ID, Title, Happened, Now string
	Version                  int
	State                    page.Tag
	Who                      string
	Draft, Gone              bool
	Mine                     bool // the reader wrote it, and cannot publish it
	Sure, Perhaps            []string
	Why                      string
}

func lessonWords(r *page.Request) incident.LessonWords {
	return incident.LessonWords{Title: r.Text("title"), Happened: r.Text("happened"), Now: r.Text("now")}
}

func writeLesson(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	_, err := d.Cases.WriteLesson(ctx, r.By, label, lessonWords(r))
	return "#lessons", "talk.flash_lesson", err
}

// lessonVerb runs one change of a lesson; the form's "case" is the case to return to.
func (d Deps) lessonVerb(form, flash string, f func(r *page.Request, lesson string) error) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		lesson, label := r.PathValue("lesson"), r.Text("case")
		if err := f(r, lesson); err != nil {
			if label == "" {
				return err
			}
			return d.refused(w, r, label, form+lesson, err)
		}
		return r.Kit.See(w, r, "/cases/"+url.PathEscape(label)+"#lessons", flash)
	}
}

func (d Deps) lessonRoutes() []page.Route {
	return []page.Route{
		{Pattern: "POST /cases/{label}/lessons", Do: d.verb("lesson", writeLesson)},
		{Pattern: "POST /lessons/{lesson}/edit", Do: d.lessonVerb("edit", "talk.flash_lesson", func(r *page.Request, lesson string) error {
			return d.Cases.EditLesson(r.Context(), r.By, lesson, page.Int(r.Text("version"), 0), lessonWords(r))
		})},
		{Pattern: "POST /lessons/{lesson}/publish", Do: d.lessonVerb("publish", "talk.flash_published", func(r *page.Request, lesson string) error {
			return d.Cases.PublishLesson(r.Context(), r.By, lesson, page.Int(r.Text("version"), 0), r.Checked("sure"))
		})},
		{Pattern: "POST /lessons/{lesson}/withdraw", Do: d.lessonVerb("withdraw", "talk.flash_withdrawn", func(r *page.Request, lesson string) error {
			return d.Cases.WithdrawLesson(r.Context(), r.By, lesson, r.Text("reason"))
		})},
	}
}

func (d Deps) lessons(ctx context.Context, r *page.Request, org *directory.Org, c *incident.Case) ([]lessonView, error) {
	ls, err := d.Cases.LessonsOf(ctx, r.By, c)
	if err != nil {
		return nil, err
	}
	var out []lessonView
	for _, l := range ls {
		v := lessonView{ID: l.ID, Title: l.Title, Happened: l.Happened, Now: l.Now, Version: l.Version, Mine: l.WrittenBy == r.By.Person,
			Who: signed(r, org, l.WrittenBy, l.WrittenAt), State: page.Tag{Kind: "yama", Text: r.P.T("talk.lesson." + string(l.State))}, Why: l.EndWhy}
		switch l.State {
		case incident.LessonDraft:
			v.Draft = true
		case incident.LessonPublished:
			v.State.Kind, v.Who = "matsu", page.Line(v.Who, r.P.T("talk.lesson_done", "who", signed(r, org, l.DoneBy, l.DoneAt)))
		case incident.LessonWithdrawn:
			v.State.Kind, v.Gone, v.Who = "quiet", true, page.Line(v.Who, r.P.T("talk.lesson_gone", "who", signed(r, org, l.EndBy, l.EndAt)))
		}
		for _, t := range l.Traces {
			text := r.P.T("talk.trace", "text", t.Found, "field", r.P.T("talk.lesson_"+t.Field))
			if t.Sure {
				v.Sure = append(v.Sure, text)
			} else {
				v.Perhaps = append(v.Perhaps, text)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// LessonFields are the fields of a lesson's form, with what it says now or what was typed.
func (p casePage) LessonFields(form, title, happened, now string) []page.Field {
	field := func(name, value string, rows, most int) page.Field {
		f := page.Field{ID: form + "-" + name, Name: name, Type: "textarea", Rows: rows, MaxLen: most, Required: true, Value: value,
			Label: p.words("talk.lesson_" + name), Error: p.Wrong(form, name)}
		if rows == 0 {
			f.Type, f.Class = "text", "full"
		}
		if p.Failed == form {
			f.Value = p.Was(form, name)
		}
		return f
	}
	return []page.Field{field("title", title, 0, incident.MaxSummary), field("happened", happened, 3, incident.MaxLesson), field("now", now, 3, incident.MaxLesson)}
}
