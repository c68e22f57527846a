// Reports that wait for a network. Pages and the service worker share this file.
//
// Each report is sealed with a key that the browser keeps and never gives out, and bound
// to a mark of the person who wrote it: only under that person is it ever sent.
self.sekimoriOutbox = (() => {
  "use strict";
  const MAX = 20, FILES = 3, FILE = 5 * 1048576;

  const open = () => new Promise((ok, no) => {
    const r = indexedDB.open("sekimori", 1);
    r.onupgradeneeded = () => {
      r.result.createObjectStore("own");
      r.result.createObjectStore("reports", { keyPath: "id" });
    };
    r.onsuccess = () => ok(r.result);
    r.onerror = () => no(r.error);
  });
  const run = async (store, mode, f) => {
    const db = await open();
    try {
      return await new Promise((ok, no) => {
        const t = db.transaction(store, mode, { durability: "strict" }), q = f(t.objectStore(store));
        t.oncomplete = () => ok(q.result);
        t.onerror = t.onabort = () => no(t.error || q.error);
      });
    } finally { db.close(); }
  };
  const own = (name) => run("own", "readonly", (s) => s.get(name));
  const key = async () => {
    if (!await own("key")) {
      const k = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
      await run("own", "readwrite", (s) => s.add(k, "key")).catch(() => {}); // two at once: the first stays
    }
    return own("key");
  };
  const seal = async (id, bytes) => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return { iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: new TextEncoder().encode(id) }, await key(), bytes) };
  };
  const unseal = async (id, box) =>
    crypto.subtle.decrypt({ name: "AES-GCM", iv: box.iv, additionalData: new TextEncoder().encode(id) }, await key(), box.data);

  // list gives what waits, oldest first, still sealed.
  const list = async () => (await run("reports", "readonly", (s) => s.getAll())).sort((a, b) => a.at - b.at);
  const drop = (id) => run("reports", "readwrite", (s) => s.delete(id));
  const change = async (id, f) => {
    const old = await run("reports", "readonly", (s) => s.get(id));
    if (old) await run("reports", "readwrite", (s) => s.put({ ...old, ...f }));
  };

  // put keeps a report: where its form goes, its fields as pairs, and its pictures.
  const put = async ({ me, action, fields, files = [] }) => {
    const all = await list(), form = new Map(fields);
    const id = form.get("key") || crypto.randomUUID();
    if (all.length >= MAX && !all.some((x) => x.id === id)) throw new RangeError("full");
    if (files.length > FILES || files.some((f) => f.size > FILE)) throw new RangeError("large");
    if (!form.get("key")) fields = [...fields.filter(([n]) => n !== "key"), ["key", id]];
    const text = new TextEncoder().encode(JSON.stringify({ action, fields }));
    const sealed = [];
    for (const f of files) {
      const what = new TextEncoder().encode(JSON.stringify({ name: f.name, type: f.type }));
      sealed.push({ what: await seal(id, what), ...await seal(id, await f.arrayBuffer()) });
    }
    const item = { id, me, at: Date.now(), state: "", text: await seal(id, text), files: sealed };
    await run("reports", "readwrite", (s) => s.put(item));
    return id;
  };
  const read = async (item) => JSON.parse(new TextDecoder().decode(await unseal(item.id, item.text)));

  const number = (url) => /^\/(?:receipt|calls)\/(INC-[^/]+)/.exec(new URL(url).pathname)?.[1];
  // post sends one report, then its pictures. It gives its number once all is there, or
  // why not: "wait" for the network, "signin" while not its writer is signed in, "refused"
  // by the server.
  const another = (res) => res.status === 401 || res.status === 403 || new URL(res.url).pathname === "/login";
  const post = async (item) => {
    const kept = await read(item);
    let label = item.label;
    if (!label) {
      const body = new URLSearchParams(kept.fields);
      body.set("me", item.me);
      body.set("written", new Date(item.at).toISOString());
      let res;
      try { res = await fetch(kept.action, { method: "POST", body, cache: "no-store" }); } catch { return "wait"; }
      label = res.ok && number(res.url);
      if (!label) {
        if (another(res)) return "signin";
        return res.status >= 500 || res.status === 429 ? "wait" : "refused";
      }
      await change(item.id, { label });
    }
    const files = item.files.slice();
    while (files.length) {
      const f = files[0], form = new FormData(), what = JSON.parse(new TextDecoder().decode(await unseal(item.id, f.what)));
      form.append("photo", new File([await unseal(item.id, f)], what.name, { type: what.type }));
      let res;
      try { res = await fetch("/receipt/" + label + "/files?me=" + encodeURIComponent(item.me), { method: "POST", body: form, cache: "no-store" }); } catch { return "wait"; }
      if (another(res)) return "signin";
      if (!res.ok && (res.status >= 500 || res.status === 429)) return "wait";
      files.shift(); // a picture that is refused stays away; the report stands
      await change(item.id, { files: files.slice() });
    }
    await drop(item.id);
    return label;
  };
  // send sends what waits under a person's mark; told hears of each that was sent. Two
  // pages never send at once.
  const send = (me, told = () => {}, again = false) => navigator.locks.request("sekimori-send", async () => {
    for (const item of await list()) {
      if (!me || item.me !== me || item.state === "refused" && !again) continue;
      const came = await post(item);
      if (came === "wait" || came === "signin") { await change(item.id, { state: came }); return; }
      if (came === "refused") await change(item.id, { state: came });
      else await told(came);
    }
  });

  return {
    list, read, put, drop, send,
    // claim gives a report that nobody was signed in for to a person, by their press.
    claim: (id, me) => change(id, { me }),
    me: () => own("me"),
    setMe: (me) => run("own", "readwrite", (s) => s.put(me, "me")),
  };
})();
