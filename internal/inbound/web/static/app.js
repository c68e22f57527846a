// Conveniences over pages that work without them. Not deferred: the theme precedes paint.
(() => {
  "use strict";
  const doc = document, root = doc.documentElement;
  const gap = root.lang === "ja" ? "" : " ";
  const all = (sel, from = doc) => [...from.querySelectorAll(sel)];
  const say = (el, text) => { if (el.textContent !== text) el.textContent = text; };
  try { if (localStorage.theme) root.dataset.theme = localStorage.theme; } catch { /* refused */ }

  // The one door from fetched text to elements: this origin's pages only.
  const policy = window.trustedTypes?.createPolicy("sekimori", { createHTML: (s) => s, createScriptURL: () => "/sw.js" });
  const parse = (s) => new DOMParser().parseFromString(policy ? policy.createHTML(s) : s, "text/html");

  // Running minutes in <time data-since>.
  const tick = (from) => all("time[data-since]", from).forEach((el) => {
    const d = el.dataset, m = Math.floor((Date.now() - Date.parse(d.since)) / 6e4);
    if (Number.isNaN(m)) return;
    const pair = (a, x, b, y) => a + gap + x + (b ? " " + b + gap + y : "") + gap + (d.after || "");
    say(el, m < 1 ? d.now : m < 60 ? pair(m, d.minute)
      : m < 1440 ? pair(Math.floor(m / 60), d.hour, m % 60, d.minute)
      : pair(Math.floor(m / 1440), d.day, Math.floor(m / 60) % 24, d.hour));
  });
  const enhance = (from) => {
    all("[data-theme-set],[data-copy]", from).forEach((el) => { el.hidden = false; });
    tick(from);
  };

  // Live regions, refetched on "changed". A form being filled in is never taken away.
  const touched = new WeakSet();
  const busy = (region) => all("form", region).some((f) => touched.has(f)) ||
    (region.contains(doc.activeElement) && doc.activeElement.matches("input,select,textarea"));
  const key = (el) => el.id || [el.tagName, el.getAttribute("href"), el.name, el.textContent.trim()].join();
  const swap = (old, fresh) => {
    if (old.innerHTML === fresh.innerHTML) return;
    const open = all("details[open]>summary", old).map(key);
    const focus = old.contains(doc.activeElement) && key(doc.activeElement);
    old.replaceChildren(...fresh.childNodes);
    old.className = fresh.className;
    all("details>summary", old).forEach((s) => { if (open.includes(key(s))) s.parentElement.open = true; });
    if (focus) all("a,button,summary", old).find((el) => key(el) === focus)?.focus({ preventScroll: true });
    enhance(old);
  };
  const dot = (on) => all(".live-dot").forEach((el) => {
    el.hidden = false;
    el.classList.toggle("off", !on);
    say(el, on ? el.dataset.wordOn : el.dataset.wordOff);
  });
  let late, timer;
  const refresh = async () => {
    late = false;
    const todo = all("[data-live][id]").filter((el) => !busy(el) || !(late = true));
    for (const path of new Set(todo.map((el) => el.dataset.live))) {
      try {
        const res = await fetch(path, { cache: "no-store" });
        if (!res.ok || res.redirected) throw res;
        const page = parse(await res.text());
        for (const old of todo) {
          const fresh = old.dataset.live === path && page.getElementById(old.id);
          if (fresh && !busy(old)) swap(old, fresh);
        }
        dot(true);
      } catch { dot(false); }
    }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 150); };

  // Chosen files: named with their size, refused above data-max.
  const size = (n) => (n < 1e6 ? Math.ceil(n / 1024) + " KB" : (n / 1048576).toFixed(1) + " MB");
  const showFiles = (input) => {
    const list = input.parentElement.querySelector(".files"), max = Number(input.dataset.max);
    let refusal = "";
    list.replaceChildren(...Array.from(input.files, (file) => {
      const li = doc.createElement("li"), over = max && file.size > max;
      if (over) refusal = input.dataset.toobig.replace("{name}", file.name).replace("{max}", size(max));
      li.className = over ? "error" : "";
      li.textContent = over ? refusal : file.name + " (" + size(file.size) + ")";
      return li;
    }));
    input.setCustomValidity(refusal);
  };

  const on = (type, fn) => doc.addEventListener(type, fn);
  const shutMenus = (except) => all("details.me[open]").forEach((el) => { if (!el.contains(except)) el.open = false; });
  on("input", (e) => { if (e.target.form) touched.add(e.target.form); });
  on("focusout", () => { if (late) soon(); });
  on("change", (e) => { if (e.target.type === "file") showFiles(e.target); });
  on("keydown", (e) => { if (e.key === "Escape") shutMenus(null); });
  on("click", async (e) => {
    shutMenus(e.target);
    const b = e.target.closest("button");
    if (b?.matches("[data-theme-set]")) {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try { localStorage.theme = root.dataset.theme; } catch { /* refused */ }
    } else if (b?.dataset.copy) {
      const code = doc.getElementById(b.dataset.copy);
      try {
        await navigator.clipboard.writeText(code.textContent.trim());
        say(word(b), b.dataset.copied);
      } catch { getSelection().selectAllChildren(code); }
    }
  });

  // One press, one sending: the button rests once its value has gone with the form.
  const resting = new Map(), word = (b) => b.querySelector("span") || b;
  on("submit", (e) => setTimeout(() => {
    const b = e.submitter;
    if (!b || e.defaultPrevented || e.target.method !== "post") return;
    resting.set(b, word(b).textContent);
    if (b.dataset.busy) say(word(b), b.dataset.busy);
    b.disabled = true;
  }));
  addEventListener("pageshow", () => {
    resting.forEach((text, b) => { say(word(b), text); b.disabled = false; });
    resting.clear();
  });

  on("DOMContentLoaded", () => {
    enhance(doc);
    const here = doc.querySelector(".bar nav [aria-current]"), nav = here?.parentElement;
    if (nav) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
    setInterval(tick, 15000, doc);
    doc.querySelector(".errors")?.focus();
    navigator.serviceWorker?.register(policy ? policy.createScriptURL("") : "/sw.js").catch(() => { /* private mode */ });
    if (!doc.body.dataset.events) return;
    const es = new EventSource(doc.body.dataset.events);
    es.onopen = () => { dot(true); soon(); };
    es.onerror = () => dot(false);
    es.onmessage = (e) => { if (e.data === "changed") soon(); };
    es.addEventListener("changed", soon);
  });
})();
