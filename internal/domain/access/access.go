// Package access says who acts and what they may do: actors, duties,
// permissions, accounts, sessions and tokens.
//
// The actor is always a parameter. Nothing here reads a context for an identity,
// and no edge decides a permission by itself.
package access

import (
	"slices"
	"strings"
	"time"

	"sekimori/internal/kit/fault"
)

// Duty is an office that a person holds beside being an employee.
type Duty string

// The duties named by the rules, and the auditor that the record needs.
// "Supervisor" is not among them: it follows from the organisation chart.
const (
	ProtectionManager Duty = "protection_manager" // 個人情報保護管理者
	ITAdmin           Duty = "it_admin"           // 情報システム管理者
	Approver          Duty = "approver"           // 決裁権者
	Auditor           Duty = "auditor"            // 個人情報保護監査責任者: reads all, changes nothing
)

// Duties lists every duty in the order that pages show them.
func Duties() []Duty { return []Duty{ProtectionManager, ITAdmin, Approver, Auditor} }

// Valid reports whether d is a known duty.
func (d Duty) Valid() bool { return slices.Contains(Duties(), d) }

// Permission names one thing that an actor may be allowed to do.
type Permission string

// The permissions. Own and told cases are decided beside the case, not here; what one
// keeps or has borrowed beside the thing; who is asked beside the request.
const (
	Report         Permission = "incident:report"
	ReadCases      Permission = "incident:read"      // every case
	WorkCases      Permission = "incident:work"      // steps, notes, status, assignment
	EditSteps      Permission = "incident:steps"     // the first-response lists
	EditPolicy     Permission = "notice:policy"      // who is told until someone answers
	ReadDirectory  Permission = "directory:read"     // names, departments, duties
	EditDirectory  Permission = "directory:edit"     // people, duties, absences of others
	ReadJournal    Permission = "journal:read"       // the record, its proofs and exports
	EraseContent   Permission = "journal:erase"      // expired content
	ManageAccounts Permission = "account:manage"     // others' passwords, sessions and tokens
	ManageOwn      Permission = "account:own"        // own password, sessions, tokens, absence
	ReadHealth     Permission = "health:read"        // the state of the system itself
	Answer         Permission = "notice:acknowledge" // answer what one was told
	ReadDevices    Permission = "device:read"        // enrolled PCs and what they tell
	ManageDevices  Permission = "device:manage"      // enrol, refuse, isolate and release PCs
	ReadAssets     Permission = "asset:read"         // the whole ledger, every loan and attempt
	ManageAssets   Permission = "asset:manage"       // change the ledger, lend, take back
	CountAssets    Permission = "asset:count"        // say what one has seen in a stock-take
	Submit         Permission = "request:submit"     // ask for something, and see what came of it
	Decide         Permission = "request:decide"     // decide what one was asked
	ReadRequests   Permission = "request:read"       // every request
	EditChains     Permission = "request:chain"      // who is asked to decide what
)

// grants is the whole policy: what each duty adds to being an employee.
func grants(d Duty) []Permission {
	switch d {
	case ProtectionManager:
		return []Permission{ReadCases, WorkCases, EditSteps, EditPolicy, EditDirectory, ReadJournal, EraseContent, ReadHealth, ReadDevices,
			ReadAssets, ManageAssets, ReadRequests, EditChains}
	case ITAdmin:
		return []Permission{EditDirectory, ManageAccounts, ReadHealth, ReadDevices, ManageDevices, ReadAssets, ManageAssets}
	case Approver:
		return []Permission{ReadAssets}
	case Auditor:
		return []Permission{ReadCases, ReadJournal, ReadHealth, ReadDevices, ReadAssets, ReadRequests}
	}
	return nil
}

// everyone is what any employee may do.
func everyone() []Permission {
	return []Permission{Report, ReadDirectory, ManageOwn, Answer, CountAssets, Submit, Decide}
}

// auditorMay is all that an auditor may do, whatever else they hold: reporting is
// every employee's duty, and one's own password is one's own; nothing else changes.
func auditorMay() []Permission {
	return []Permission{Report, ReadDirectory, ManageOwn, ReadCases, ReadJournal, ReadHealth, ReadDevices, ReadAssets, ReadRequests}
}

// Via says by which door an actor came.
type Via string

// The doors.
const (
	BySession Via = "session"
	ByToken   Via = "token"
	ByLink    Via = "link"   // the link in a mail: may only answer or decide what the mail is about
	ByDevice  Via = "device" // the person's PC, with the PC's own key: may only report
	ByMail    Via = "mail"   // a mail that is surely theirs: may only report, and add to cases they may see
	ByCode    Via = "code"   // nobody of the directory: may only report, and add to the one case of their code
	BySystem  Via = "system" // the program itself
)

// Actor is who acts. Its zero value may do nothing.
type Actor struct {
	Person     string // person id, or "system"
	Name       string
	Department string // department id
	Duties     []Duty
	Via        Via
	Session    string       // session id when Via is BySession
	Fresh      time.Time    // when the session's person last showed password or passkey
	Proof      string       // how who followed a link showed that it is them; see ProveAtLink
	Scopes     []Permission // a token's scopes; nil means all that the person may
	Case       string       // the case that the receipt code opens, when Via is ByCode; "" before there is one
}

// System is the program itself: timers, the sealer, the demo's seed.
func System() Actor { return Actor{Person: "system", Name: "system", Via: BySystem} }

// Nobody is how the record names whoever acts without being known to the directory.
const Nobody = "outside"

// Unnamed is how the record names whoever put a near miss in the box: nobody knows.
const Unnamed = "unnamed"

// Outside is somebody without an account. incident is the id of the case that their
// receipt code opens; "" for who has not reported yet.
func Outside(incident string) Actor { return Actor{Person: Nobody, Via: ByCode, Case: incident} }

// Has reports whether the actor holds the duty.
func (a Actor) Has(d Duty) bool { return slices.Contains(a.Duties, d) }

// May is nil when the actor has the permission, else a fault.
func (a Actor) May(p Permission) error {
	if a.Via == BySystem {
		return nil
	}
	if a.Person == "" {
		return fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
	}
	if a.Via == ByLink && p != Answer && p != Decide || a.Via == ByDevice && p != Report || a.Via == ByMail && p != Report || a.Via == ByCode && p != Report {
		return fault.Deny(string(p))
	}
	if a.Scopes != nil && !slices.Contains(a.Scopes, p) {
		return fault.New(fault.Denied, "fault.scope", fault.Args{"permission": string(p)})
	}
	if a.Has(Auditor) {
		if slices.Contains(auditorMay(), p) {
			return nil
		}
		return fault.New(fault.Denied, "fault.auditor_readonly", nil)
	}
	if slices.Contains(everyone(), p) {
		return nil
	}
	for _, d := range a.Duties {
		if slices.Contains(grants(d), p) {
			return nil
		}
	}
	return fault.Deny(string(p))
}

// Permissions lists every permission, for token scopes.
func Permissions() []Permission {
	return []Permission{Report, ReadCases, WorkCases, EditSteps, EditPolicy, ReadDirectory, EditDirectory,
		ReadJournal, EraseContent, ManageAccounts, ManageOwn, ReadHealth, Answer, ReadDevices, ManageDevices,
		ReadAssets, ManageAssets, CountAssets, Submit, Decide, ReadRequests, EditChains}
}

// ParseScopes reads a comma-separated list of permissions.
func ParseScopes(s string) ([]Permission, error) {
	var out []Permission
	for _, part := range strings.Split(s, ",") {
		p := Permission(strings.TrimSpace(part))
		if p == "" {
			continue
		}
		if !slices.Contains(Permissions(), p) {
			return nil, fault.New(fault.Invalid, "fault.unknown_scope", fault.Args{"scope": string(p)})
		}
		out = append(out, p)
	}
	return out, nil
}
