package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
)

// netlinkBuffer holds a batch of a thousand servers and the kernel's answers to it.
const netlinkBuffer = 4 << 20

func (h *linux) Cut(ctx context.Context, allow Allow) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.cutting.Lock()
	defer h.cutting.Unlock()
	if err := h.putIn(chains(allow)); err != nil {
		return fmt.Errorf("put in the firewall rules: %w", err)
	}
	if err := h.endSessions(ctx, allow); err != nil {
		return fmt.Errorf("the firewall rules stand, but old connections could not be ended: %w", err)
	}
	return nil
}

// putIn puts in the tables, or replaces them. A kernel without rules for bridges gets the
// others.
func (h *linux) putIn(want []chain) error {
	err := h.putInAll(h.possible(want))
	if err == nil || h.noBridge {
		return err
	}
	h.noBridge = true
	if h.putInAll(h.possible(want)) != nil {
		h.noBridge = false
		return err
	}
	return nil
}

// putInAll tries first what is quickest: taking rules away has the kernel wait for every
// packet on its way.
func (h *linux) putInAll(want []chain) error {
	err := h.batch(want, false)
	if errors.Is(err, os.ErrExist) {
		err = h.batch(want, true)
	}
	return err
}

// possible leaves out what this kernel is known not to have.
func (h *linux) possible(want []chain) []chain {
	return slices.DeleteFunc(want, func(c chain) bool { return h.noBridge && c.family == nftables.TableFamilyBridge })
}

// batch puts in the tables of want in one batch, which the kernel takes as a whole or not
// at all. With replace the old rules hold until the new ones do; without, it is an error
// that there are some.
func (h *linux) batch(want []chain, replace bool) error {
	return h.change(func(c *nftables.Conn) error {
		tables := map[nftables.TableFamily]*nftables.Table{}
		drop := nftables.ChainPolicyDrop
		for _, w := range want {
			t := tables[w.family]
			if t == nil {
				t = &nftables.Table{Family: w.family, Name: h.o.Table}
				tables[w.family] = t
				if replace {
					c.AddTable(t) // so that there is one to delete
					c.DelTable(t)
				}
				c.CreateTable(t)
			}
			made := c.AddChain(&nftables.Chain{Table: t, Name: w.name, Type: nftables.ChainTypeFilter,
				Hooknum: w.hook, Priority: priority(), Policy: &drop})
			for _, exprs := range w.ruleset() {
				c.AddRule(&nftables.Rule{Table: t, Chain: made, Exprs: exprs})
			}
		}
		return nil
	})
}

func (h *linux) Open(context.Context) error {
	h.cutting.Lock()
	defer h.cutting.Unlock()
	err := h.change(func(c *nftables.Conn) error {
		tables, err := c.ListTables()
		for _, t := range tables {
			if t.Name == h.o.Table && slices.Contains(families(), t.Family) {
				c.DelTable(t)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("take away the firewall rules: %w", err)
	}
	return nil
}

// families have a table of ours each.
func families() []nftables.TableFamily {
	return []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyBridge}
}

// change gathers commands and sends them as one batch.
func (h *linux) change(gather func(*nftables.Conn) error) error {
	return h.talk(func(c *nftables.Conn) error {
		if err := gather(c); err != nil {
			return err
		}
		return c.Flush()
	})
}

// talk runs f with a connection to the kernel's firewall.
func (h *linux) talk(f func(*nftables.Conn) error) (err error) {
	ns, done, err := h.netns()
	if err != nil {
		return err
	}
	defer done()
	c, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(ns), nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetReadBuffer(netlinkBuffer), c.SetWriteBuffer(netlinkBuffer))
	}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.CloseLasting()) }()
	return f(c)
}

func (h *linux) Standing(_ context.Context, allow Allow) error {
	h.cutting.Lock()
	defer h.cutting.Unlock()
	return h.talk(func(c *nftables.Conn) error {
		for _, family := range families() {
			want := slices.DeleteFunc(h.possible(chains(allow)), func(c chain) bool { return c.family != family })
			if len(want) == 0 {
				continue
			}
			if err := h.compare(c, family, want); err != nil {
				return err
			}
		}
		return nil
	})
}

// compare says how the table in the kernel differs from what it must be.
func (h *linux) compare(c *nftables.Conn, family nftables.TableFamily, want []chain) error {
	tables, err := c.ListTablesOfFamily(family)
	if err != nil {
		return fmt.Errorf("list the firewall tables: %w", err)
	}
	at := slices.IndexFunc(tables, func(t *nftables.Table) bool { return t.Name == h.o.Table })
	switch {
	case at < 0:
		return fmt.Errorf("the firewall table of %v is not there", want[0])
	case tables[at].Flags != 0: // such as "dormant": it is there and does nothing
		return fmt.Errorf("the firewall table of %v has the flags %#x", want[0], tables[at].Flags)
	}
	all, err := c.ListChainsOfTableFamily(family)
	if err != nil {
		return fmt.Errorf("list the firewall chains: %w", err)
	}
	found := slices.DeleteFunc(all, func(c *nftables.Chain) bool { return c.Table == nil || c.Table.Name != h.o.Table })
	if len(found) != len(want) {
		return fmt.Errorf("the firewall table has %d chains instead of %d", len(found), len(want))
	}
	for _, w := range want {
		at := slices.IndexFunc(found, func(c *nftables.Chain) bool { return c.Name == w.name })
		if at < 0 {
			return fmt.Errorf("the firewall chain %v is not there", w)
		}
		got := found[at]
		if got.Type != nftables.ChainTypeFilter || got.Hooknum == nil || *got.Hooknum != *w.hook ||
			got.Priority == nil || *got.Priority != *priority() || got.Policy == nil || *got.Policy != nftables.ChainPolicyDrop {
			return fmt.Errorf("the firewall chain %v has another place or policy", w)
		}
		rules, err := c.GetRules(&nftables.Table{Family: family, Name: h.o.Table}, got)
		if err != nil {
			return fmt.Errorf("list the rules of the firewall chain %v: %w", w, err)
		}
		same := slices.EqualFunc(rules, w.ruleset(), func(got *nftables.Rule, want []expr.Any) bool {
			return reflect.DeepEqual(got.Exprs, want)
		})
		if !same {
			return fmt.Errorf("the firewall chain %v has other rules", w)
		}
	}
	return nil
}
