package bus

import (
	"context"
	"testing"
)

func TestPublishNeverWaits(t *testing.T) {
	t.Parallel()
	var h Hub
	ctx, cancel := context.WithCancel(t.Context())
	ear := h.Subscribe(ctx)
	h.Publish([]string{"inc_1"})
	h.Publish([]string{"inc_2"}) // the listener has not looked yet
	if got := <-ear; got != nil {
		t.Errorf("after two unread messages got %v, want nil (look at everything)", got)
	}
	h.Publish([]string{"inc_3"})
	if got := <-ear; len(got) != 1 || got[0] != "inc_3" {
		t.Errorf("got %v, want [inc_3]", got)
	}
	cancel()
	if _, open := <-ear; open {
		t.Error("channel still open after the context ended")
	}
	h.Publish([]string{"inc_4"}) // must not send on a closed channel
}
