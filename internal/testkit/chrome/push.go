package chrome

import (
	"context"
	"slices"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// AllowNotifications lets an origin show notifications, as its owner would when asked.
func (p *Page) AllowNotifications(origin string) {
	p.t.Helper()
	p.do("allow notifications", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{Origin: origin,
			Permission: &browser.PermissionDescriptor{Name: "notifications"}, Setting: browser.PermissionSettingGranted})
		return err
	}))
}

// Push hands a push message to the service worker of an origin, as a push service would,
// after the browser has decrypted it.
func (p *Page) Push(origin, data string) {
	p.t.Helper()
	there := func(e serviceworker.EventWorkerRegistrationUpdated) bool {
		return slices.ContainsFunc(e.Registrations, func(r *serviceworker.Registration) bool { return r.ScopeURL == origin+"/" })
	}
	e := run(p, "find the service worker", chromedp.WaitEvent(serviceworker.WorkerRegistrationUpdated, there,
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			if _, err := chromedp.Call(ctx, serviceworker.Disable, cdp.Empty{}); err != nil {
				return err
			}
			_, err := chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{})
			return err
		})))
	p.do("hand over a push message", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: origin,
			RegistrationID: e.Registrations[slices.IndexFunc(e.Registrations, func(r *serviceworker.Registration) bool { return r.ScopeURL == origin+"/" })].RegistrationID, Data: data})
		return err
	}))
}
