package vm

import (
	"slices"
	"strings"

	"sekimori/internal/kit/wire"
)

// cards is the card in the reader that is built in: it is registered and lent as a stick is.
func (c *counter) cards() {
	const asset, token = "SD-0001", "tok_card"
	c.registering(asset, token)
	since := c.office.said()
	c.replug()
	e := c.ofCard(since, wire.MediaRegistered)
	if e.Asset != asset || e.Token != token || e.Vendor != "00aa" || e.Product != "5859" || !strings.HasPrefix(e.Serial, "aa5859") || len(e.Serial) != 30 || e.Capacity != stickSize {
		c.t.Errorf("the event is %+v", e)
	}
	c.noCard() // it is ours, and lent to nobody

	lent := wire.Medium{Asset: asset, Loan: "LOAN-2026-0009", Vendor: e.Vendor, Product: e.Product, Serial: e.Serial, Token: token, From: soon(-60), Until: soon(3600)}
	other := lent
	other.Token = "tok_other"
	since = c.office.said()
	c.block(other)
	if e := c.ofCard(since, wire.MediaRefused); e.Why != wire.WhyBadToken {
		c.t.Errorf("the event is %+v", e)
	}
	c.noCard()
	since = c.office.said()
	c.block(lent)
	c.ofCard(since, wire.MediaAdmitted)
	at := c.cardMounted()
	if got := c.run("cat", at+"/PHOTO.TXT"); got != "a cat" {
		c.t.Errorf("on the card is %q", got)
	}
	c.run("sh", "-c", "echo a dog >"+at+"/second.txt; sync -f "+at)
	since = c.office.said()
	c.replug() // out and in again
	c.ofCard(since, wire.MediaRemoved)
	c.ofCard(since, wire.MediaAdmitted)
	at = c.cardMounted()
	if got := c.run("cat", at+"/second.txt"); got != "a dog" {
		c.t.Errorf("on the card is %q", got)
	}
	since = c.office.said()
	c.block()
	c.ofCard(since, wire.MediaEnded)
	c.noCard()
}

// ofCard waits for an event of the card that the PC tells after since.
func (c *counter) ofCard(since int, what string) (found wire.MediaEvent) {
	c.t.Helper()
	c.await("the card is "+what, func() bool {
		told := c.office.told(since)
		i := slices.IndexFunc(told, func(e wire.MediaEvent) bool { return e.What == what && e.Class == "reader" })
		if i >= 0 {
			found = told[i]
		}
		return i >= 0
	})
	return found
}

// noCard waits until the card is no disk.
func (c *counter) noCard() {
	c.t.Helper()
	c.await("the card's disk is gone", func() bool { return !c.works("test", "-e", "/dev/mmcblk0") })
}

// cardMounted waits until the desktop has mounted the card, and returns where.
func (c *counter) cardMounted() (at string) {
	c.t.Helper()
	c.await("the desktop has mounted the card", func() bool {
		out, err := c.Run(c.t.Context(), "findmnt", "--noheadings", "--output=TARGET", "/dev/mmcblk0")
		at = strings.TrimSpace(out)
		return err == nil && at != ""
	})
	return at
}

// replug is the card taken out and put in again. QEMU's stays where it is, so its reader
// goes and comes.
func (c *counter) replug() {
	c.t.Helper()
	const reader = "/sys/bus/pci/drivers/sdhci-pci/"
	c.run("sh", "-c", "at=$(basename $(readlink -f /sys/class/mmc_host/mmc*/device)); echo $at >"+reader+"unbind; echo $at >"+reader+"bind")
}
