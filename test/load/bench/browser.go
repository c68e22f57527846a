package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"sekimori/internal/testkit/chrome"
)

func inflate(body []byte, encoding string) ([]byte, error) {
	if encoding != "gzip" {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	return io.ReadAll(z)
}

// The slow link: what browsers' developer tools have long called slow 3G.
const (
	linkWait  = 400           // ms added to every request
	linkSpeed = 400_000.0 / 8 // bytes a second, down and up
	linkName  = "400 ms, 400 kbit/s"
)

// slowLink opens the page with an empty cache on a slow link in Chromium, and tells when
// something was painted and when the page could be used (its scripts have run).
func (b *bench) slowLink(ctx context.Context, v *visitor) error {
	path, err := chrome.Find()
	if err != nil {
		return err
	}
	var paint, usable []float64
	for range b.rounds {
		p, u, err := slowView(ctx, path, v)
		if err != nil {
			return fmt.Errorf("slow link: %w", err)
		}
		paint, usable = append(paint, p), append(usable, u)
	}
	b.out.line("/report in Chromium, empty cache, link of "+linkName, "first paint "+spread(paint)+" s, usable "+spread(usable)+" s", "", "",
		"usable ≤ 2 s", yes(median(usable) <= 2))
	return nil
}

func slowView(ctx context.Context, program string, v *visitor) (paint, usable float64, err error) {
	alloc, end := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU)...)
	defer end()
	tab, closeTab := chromedp.NewContext(alloc)
	defer closeTab()
	if err := chromedp.Do(tab); err != nil {
		return 0, 0, fmt.Errorf("start browser: %w", err)
	}
	tab, cancel := context.WithTimeout(tab, time.Minute)
	defer cancel()
	base, err := url.Parse(v.base)
	if err != nil {
		return 0, 0, err
	}
	slow := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, c := range v.client.Jar.Cookies(base) {
			if _, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: v.base}); err != nil {
				return err
			}
		}
		_, err := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Latency: linkWait, DownloadThroughput: linkSpeed, UploadThroughput: linkSpeed}}})
		return err
	})
	if err := chromedp.Do(tab, slow, chromedp.Navigate(v.base+"/report")); err != nil {
		return 0, 0, err
	}
	type timing struct {
		Paint  float64 `json:"paint"`
		Usable float64 `json:"usable"`
		Tiles  int     `json:"tiles"`
	}
	t, err := chromedp.Run(tab, chromedp.Evaluate[timing](`({
		paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1,
		usable: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
		tiles: document.querySelectorAll('main a[href*="/report"], main button').length})`))
	if err != nil {
		return 0, 0, err
	}
	if t.Tiles == 0 || t.Paint < 0 {
		return 0, 0, fmt.Errorf("the page did not show: %+v", t)
	}
	return t.Paint / 1000, max(t.Usable, t.Paint) / 1000, nil
}
