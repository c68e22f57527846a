package agentgw

import (
	"context"
	"encoding/json"
	"net/http"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// Media takes what PCs tell of the media that were plugged in. device is an id whose key
// has signed; the same event told again changes nothing.
type Media interface {
	TakeMedia(ctx context.Context, device string, events []wire.MediaEvent) error
}

func (g *Gateway) media(w http.ResponseWriter, r *http.Request, device string, body []byte) error {
	var in wire.MediaEvents
	if json.Unmarshal(body, &in) != nil {
		return errForm()
	}
	if len(in.Events) > wire.MaxMediaEvents {
		return fault.New(fault.TooLarge, "fault.device_form", nil)
	}
	if err := g.Media.TakeMedia(r.Context(), device, in.Events); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
