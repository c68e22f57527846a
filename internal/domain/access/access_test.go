package access_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// may is the whole policy once more, written from the rules: each duty's permissions
// beside those of every employee, in the order of access.Permissions.
func may(d access.Duty) []access.Permission {
	switch d {
	case "":
		return []access.Permission{access.Report, access.ReadDirectory, access.ManageOwn, access.Answer, access.CountAssets, access.Submit, access.Decide}
	case access.ProtectionManager:
		return []access.Permission{access.Report, access.ReadCases, access.WorkCases, access.EditSteps, access.EditPolicy, access.ReadDirectory,
			access.EditDirectory, access.ReadJournal, access.EraseContent, access.ManageOwn, access.ReadHealth, access.Answer, access.ReadDevices,
			access.ReadAssets, access.ManageAssets, access.CountAssets, access.Submit, access.Decide, access.ReadRequests, access.EditChains}
	case access.ITAdmin:
		return []access.Permission{access.Report, access.ReadDirectory, access.EditDirectory, access.ManageAccounts, access.ManageOwn, access.ReadHealth,
			access.Answer, access.ReadDevices, access.ManageDevices, access.ReadAssets, access.ManageAssets, access.CountAssets, access.Submit, access.Decide}
	case access.Approver:
		return []access.Permission{access.Report, access.ReadDirectory, access.ManageOwn, access.Answer, access.ReadAssets, access.CountAssets, access.Submit, access.Decide}
	case access.Auditor:
		return []access.Permission{access.Report, access.ReadCases, access.ReadDirectory, access.ReadJournal, access.ManageOwn, access.ReadHealth, access.ReadDevices,
			access.ReadAssets, access.ReadRequests}
	}
	return nil
}

func TestPermissionsOfEachDuty(t *testing.T) {
	t.Parallel()
	for _, d := range append([]access.Duty{""}, access.Duties()...) {
		a := access.Actor{Person: "per_a", Via: access.BySession}
		if d != "" {
			a.Duties = []access.Duty{d}
		}
		var got []access.Permission
		for _, p := range access.Permissions() {
			if a.May(p) == nil {
				got = append(got, p)
			}
		}
		want := slices.DeleteFunc(access.Permissions(), func(p access.Permission) bool { return !slices.Contains(may(d), p) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", d, diff)
		}
	}
}

// With any other duty beside it, an auditor may not a thing more.
func TestAuditorWithOtherDuties(t *testing.T) {
	t.Parallel()
	for _, d := range access.Duties() {
		for _, duties := range [][]access.Duty{{access.Auditor, d}, {d, access.Auditor}, access.Duties()} {
			a := access.Actor{Person: "per_a", Duties: duties, Via: access.BySession}
			for _, p := range access.Permissions() {
				err := a.May(p)
				if slices.Contains(may(access.Auditor), p) != (err == nil) {
					t.Errorf("%v, %s: %v", duties, p, err)
				}
				if f := fault.As(err); err != nil && (f == nil || f.ID != "fault.auditor_readonly") {
					t.Errorf("%v, %s: %v", duties, p, err)
				}
			}
		}
	}
}

func TestDoors(t *testing.T) {
	t.Parallel()
	pm := access.Actor{Person: "per_a", Duties: []access.Duty{access.ProtectionManager}, Via: access.BySession}
	link, device, token, empty, unknown := pm, pm, pm, pm, pm
	link.Via = access.ByLink
	device.Via = access.ByDevice
	token.Via, token.Scopes = access.ByToken, []access.Permission{access.ReadCases, access.ManageAccounts}
	empty.Via, empty.Scopes = access.ByToken, []access.Permission{}
	unknown.Duties = []access.Duty{"king"}
	for _, p := range access.Permissions() {
		if err := access.System().May(p); err != nil {
			t.Errorf("the program: %v", err)
		}
		if !fault.Is(access.Actor{}.May(p), fault.Unauthenticated) {
			t.Errorf("nobody may %s", p)
		}
		if (link.May(p) == nil) != (p == access.Answer || p == access.Decide) {
			t.Errorf("a link: %s is %v", p, link.May(p))
		}
		if (device.May(p) == nil) != (p == access.Report) {
			t.Errorf("a PC: %s is %v", p, device.May(p))
		}
		// A token gives no more than the person may, and no more than its scopes.
		if (token.May(p) == nil) != (p == access.ReadCases) {
			t.Errorf("a token: %s is %v", p, token.May(p))
		}
		if empty.May(p) == nil {
			t.Errorf("a token without scopes may %s", p)
		}
		if (unknown.May(p) == nil) != slices.Contains(may(""), p) {
			t.Errorf("an unknown duty: %s is %v", p, unknown.May(p))
		}
	}
	if !pm.Has(access.ProtectionManager) || pm.Has(access.Auditor) || access.Duty("king").Valid() || !access.Auditor.Valid() {
		t.Error("duties")
	}
}

func TestParseScopes(t *testing.T) {
	t.Parallel()
	got, err := access.ParseScopes(" incident:read, ,incident:report,")
	if err != nil || !slices.Equal(got, []access.Permission{access.ReadCases, access.Report}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := access.ParseScopes(""); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"incident", "incident:read incident:report", "*", "INCIDENT:READ"} {
		if _, err := access.ParseScopes("incident:read," + bad); fault.As(err) == nil || fault.As(err).Args["scope"] != bad {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if len(access.Permissions()) != 22 {
		t.Error("a permission was added: write it into may, above")
	}
}
