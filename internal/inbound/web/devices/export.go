package devices

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
)

// maxExport bounds one export: beyond it a spreadsheet is no longer the tool.
const maxExport = 50_000

// export gives the list that the same address shows, as a table for a spreadsheet.
func (d Deps) export(w http.ResponseWriter, r *page.Request) error {
	q := query(r)
	q.After, q.Limit = "", 200
	var lines [][]string
	for len(lines) < maxExport {
		found, err := d.PCs.List(r.Context(), r.By, q)
		if err != nil {
			return err
		}
		for _, v := range found.Rows {
			lines = append(lines, cells(r, v))
		}
		if q.After = found.Next; q.After == "" {
			break
		}
	}
	header := []string{"name", "id", "person", "connection", "seen", "state", "requested", "applied", "proven", "version", "dry_run", "system", "agent", "enrolled", "unread"}
	for i, id := range header {
		header[i] = r.P.T("devices.col." + id)
	}
	return r.Table(w, "devices", header, slices.Values(lines))
}

func cells(r *page.Request, v device.View) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(r.Kit.Zone).Format("2006-01-02 15:04:05")
	}
	s := Show(r, v)
	connection, dry := r.P.T("devices.offline"), ""
	if v.Online {
		connection = r.P.T("devices.online")
	}
	if s.DryRun {
		dry = r.P.T("word.yes")
	}
	i := v.Isolation
	return []string{s.Name, v.ID, v.PersonName, connection, at(v.Seen), s.State.Text, at(i.Requested()), at(i.Applied()), at(i.Proven()),
		strconv.FormatInt(v.Applied, 10) + "/" + strconv.FormatInt(v.Desired, 10), dry, v.System, v.Agent, at(v.EnrolledAt), strings.Join(unread(r, v.Facts), "; ")}
}
