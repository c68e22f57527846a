package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// gather is how long Watch waits for more before it tells of a change: one command of
// an administrator gives many messages.
const gather = 20 * time.Millisecond

func (h *linux) Watch(ctx context.Context, changed func()) (err error) {
	ns, done, err := h.netns()
	if err != nil {
		return err
	}
	defer done()
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: ns, Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return fmt.Errorf("watch the firewall: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Ending ctx lets Receive return at once.
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	var pending bool
	for {
		messages, err := conn.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case pending && errors.Is(err, os.ErrDeadlineExceeded):
			pending = false
			if err := h.deadline(ctx, conn, time.Time{}); err != nil {
				return err
			}
			changed()
			continue
		case errors.Is(err, unix.ENOBUFS): // there was more than the kernel could keep for us
		case err != nil:
			return fmt.Errorf("watch the firewall: %w", err)
		case !h.concerns(messages):
			continue
		}
		if !pending {
			pending = true
			if err := h.deadline(ctx, conn, time.Now().Add(gather)); err != nil {
				return err
			}
		}
	}
}

// deadline sets conn's deadline unless ctx has ended, whose own deadline must stay.
func (h *linux) deadline(ctx context.Context, conn *netlink.Conn, at time.Time) error {
	err := conn.SetReadDeadline(at)
	if ctx.Err() != nil {
		err = conn.SetReadDeadline(time.Unix(1, 0))
	}
	return err
}

// concerns reports whether a message is about our tables. The kernel tells of every
// table, and on some machines they change all day.
func (h *linux) concerns(messages []netlink.Message) bool {
	const tableName = 1 // NFTA_TABLE_NAME; chains, rules, sets and objects have it under the same number
	for _, m := range messages {
		if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < 4 {
			continue
		}
		attributes, err := netlink.UnmarshalAttributes(m.Data[4:])
		if err != nil {
			return true // better once too often
		}
		for _, a := range attributes {
			if a.Type == tableName && string(a.Data) == h.o.Table+"\x00" && m.Header.Type&0xff != unix.NFT_MSG_NEWGEN {
				return true
			}
		}
	}
	return false
}
