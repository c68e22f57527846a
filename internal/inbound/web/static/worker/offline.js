// The service worker's part for pages without a network: a form that is always there, and
// reports that are kept when they cannot be sent. SHELL is put before this file.
(() => {
  "use strict";
  const CACHE = "shell-" + SHELL.version, FORM = "/report/offline";

  self.addEventListener("install", (e) => e.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll([FORM, ...SHELL.files]);
    await self.skipWaiting();
  })()));
  self.addEventListener("activate", (e) => e.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE && name.startsWith("shell-")) await caches.delete(name);
    await self.clients.claim();
  })()));

  const form = async () => (await caches.match(FORM)) || Response.error();

  // keep sends a report's form, or keeps it when there is no way to the server. What did
  // arrive although no answer came is the same report when it is sent again: its key says so.
  const keep = async (request) => {
    const copy = request.clone();
    let ended = false; // the sign-in, while the form was being filled in
    try {
      const res = await fetch(request);
      if (res.status !== 401) return res;
      ended = true;
    } catch { /* no way to the server */ }
    try {
      let fields = [...await copy.formData()].filter(([, v]) => typeof v === "string");
      const form = new Map(fields), me = form.get("me") || "";
      if (form.has("outside")) { // goes later as the report of who signs in: all that was typed goes along
        const words = ["name", "contact", "department", "text"].map((n) => form.get(n)).filter(Boolean).join("\n");
        fields = [["key", form.get("key")], ["summary", form.get("summary")], ["words", [...words].slice(0, 4000).join("")]];
      }
      await sekimoriOutbox.put({ me, action: new URL(request.url).pathname, fields: fields.filter(([n]) => n !== "me") });
    } catch { return Response.redirect(FORM + "?lost=1", 303); }
    try { await self.registration.sync?.register("reports"); } catch { /* the page sends it when it is open */ }
    return Response.redirect(FORM + (ended ? "?ended=1" : "?kept=1"), 303);
  };

  self.addEventListener("fetch", (e) => {
    const r = e.request, url = new URL(r.url);
    if (url.origin !== self.location.origin) return;
    if (r.mode !== "navigate") {
      if (SHELL.files.includes(url.pathname)) e.respondWith((async () => await caches.match(r) || fetch(r))());
      return;
    }
    if (r.method === "GET") e.respondWith(fetch(r).catch(form));
    else if (r.method === "POST" && /^\/(report\/[a-z_]+|calls)$/.test(url.pathname)) e.respondWith(keep(r));
  });

  self.addEventListener("sync", (e) => {
    if (e.tag === "reports") e.waitUntil((async () => sekimoriOutbox.send(await sekimoriOutbox.me()))());
  });
})();
