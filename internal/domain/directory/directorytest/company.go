package directorytest

import (
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

// Noon is a moment in the made-up company's life at which nobody is away.
func Noon() time.Time { return time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC) }

// Company is a small made-up company at version 7, everybody reachable at Noon:
//
//	d_hq  役員室 (head per_pres)
//	├ d_sales 営業部 (head per_sales)
//	│ └ d_sales1 営業一課 (no head: per_emp works here)
//	└ d_gen   総務部 (head per_gen: per_pm, per_it, per_aud, per_dep)
//
// per_pm is the protection manager, per_it the IT administrator, per_aud the auditor,
// per_pres the approver; per_old has left.
func Company() *directory.Org {
	at := Noon()
	person := func(id, number, family, given, fk, gk, dep, mail string) directory.Person {
		return directory.Person{ID: id, Number: number, Family: family, Given: given, FamilyKana: fk, GivenKana: gk,
			Email: mail + "@aoba.example", Phone: "03-0000-00" + number[2:], Department: dep, Lang: "ja", Verified: at.Add(-24 * time.Hour)}
	}
	o := &directory.Org{Version: 7, People: map[string]directory.Person{}, Departments: map[string]directory.Department{}}
	for _, p := range []directory.Person{
		person("per_pres", "0001", "青葉", "修一", "アオバ", "シュウイチ", "d_hq", "aoba"),
		person("per_sales", "0010", "髙橋", "恵", "タカハシ", "メグミ", "d_sales", "takahashi"),
		person("per_emp", "0011", "𠮷田", "翔", "ヨシダ", "ショウ", "d_sales1", "yoshida"),
		person("per_gen", "0020", "森", "和子", "モリ", "カズコ", "d_gen", "mori"),
		person("per_pm", "0021", "石川", "直樹", "イシカワ", "ナオキ", "d_gen", "ishikawa"),
		person("per_it", "0022", "林", "Anna", "ハヤシ", "アンナ", "d_gen", "hayashi"),
		person("per_aud", "0023", "清水", "誠", "シミズ", "マコト", "d_gen", "shimizu"),
		person("per_dep", "0024", "山口", "葵", "ヤマグチ", "アオイ", "d_gen", "yamaguchi"),
		person("per_old", "0030", "岡田", "進", "オカダ", "ススム", "d_gen", "okada"),
	} {
		o.People[p.ID] = p
	}
	old := o.People["per_old"]
	old.Left = time.Date(2026, 3, 31, 15, 0, 0, 0, time.UTC) // midnight after 31 March in Japan
	o.People[old.ID] = old
	for _, d := range []directory.Department{
		{ID: "d_hq", Code: "100", Name: "役員室", Head: "per_pres"},
		{ID: "d_sales", Code: "200", Name: "営業部", Parent: "d_hq", Head: "per_sales"},
		{ID: "d_sales1", Code: "210", Name: "営業一課", Parent: "d_sales"},
		{ID: "d_gen", Code: "300", Name: "総務部", Parent: "d_hq", Head: "per_gen"},
	} {
		o.Departments[d.ID] = d
	}
	from := at.AddDate(-1, 0, 0)
	o.Duties = []directory.Assignment{
		{Duty: access.ProtectionManager, Person: "per_pm", From: from},
		{Duty: access.ITAdmin, Person: "per_it", From: from},
		{Duty: access.Auditor, Person: "per_aud", From: from},
		{Duty: access.Approver, Person: "per_pres", From: from},
	}
	return o
}

// As is the person at the keyboard, with the duties they may exercise at the time.
func As(o *directory.Org, person string, at time.Time) access.Actor {
	p := o.People[person]
	return access.Actor{Person: person, Name: p.Name(), Department: p.Department, Duties: o.DutiesOf(person, at), Via: access.BySession}
}
