// What waits to be sent: counted on every page, listed on its own, sent when it can be.
(() => {
  "use strict";
  const doc = document, box = self.sekimoriOutbox, strip = doc.getElementById("unsent");
  if (!box || !strip || !navigator.locks || !self.isSecureContext) return;
  const cached = doc.body.dataset.me === undefined; // the page that is there without a network
  const word = (name, from = strip) => from.dataset[name];
  const list = doc.getElementById("waiting");
  let me = doc.body.dataset.me || "";

  const show = async () => {
    const all = await box.list(), mine = all.filter((x) => x.me === me), free = me ? all.filter((x) => !x.me) : [];
    strip.hidden = all.length === 0;
    if (all.length) strip.querySelector("a").textContent = word("text").replace("{n}", all.length);
    doc.body.dataset.unsent = mine.length;
    if (list) await fill(mine, free, all.length - mine.length - free.length);
  };
  const fill = async (mine, free, others) => {
    const rows = [];
    for (const item of [...mine, ...free]) {
      const row = doc.getElementById("waiting-row").content.cloneNode(true), own = item.me === me;
      const set = (name, text) => { row.querySelector("[data-" + name + "]").textContent = text; };
      let kept = null;
      try { kept = own ? await box.read(item) : null; } catch { /* sealed by a key that is gone */ }
      const fields = new Map(kept?.fields), kind = fields.get("kind") || kept?.action.split("/").pop();
      set("kind", doc.querySelector('input[name="kind"][value="' + kind + '"]')?.closest("label").textContent.trim() || "");
      set("line", own ? fields.get("summary") || "" : word("free", list));
      set("at", new Date(item.at).toLocaleString(doc.documentElement.lang));
      set("state", me || item.me ? item.state && word(item.state, list) : word("nobody", list));
      row.querySelector("[data-drop]").dataset.drop = item.id;
      const claim = row.querySelector("[data-claim]");
      claim.hidden = own;
      claim.dataset.claim = item.id;
      rows.push(row);
    }
    list.querySelector("ul").replaceChildren(...rows);
    const o = list.querySelector("[data-others]");
    o.hidden = !others;
    o.textContent = word("others", list).replace("{n}", others);
    list.hidden = !rows.length && !others;
    list.querySelector("[data-send]").hidden = !mine.length;
  };

  const sent = (label) => {
    const done = doc.getElementById("sent"), a = doc.createElement("a");
    a.href = "/receipt/" + label;
    a.textContent = word("sent").replace("{label}", label);
    done.querySelector("div").append(a, " ");
    done.hidden = false;
  };
  const send = async (again) => {
    try { await box.send(me, sent, again); } finally { await show(); }
  };

  doc.addEventListener("click", async (e) => {
    const b = e.target.closest("button");
    if (!b) return;
    if (b.dataset.drop) {
      if (b.dataset.sure === undefined) { // a second press: it cannot be undone
        b.dataset.sure = "";
        b.textContent = word("sure", list);
        return;
      }
      await box.drop(b.dataset.drop);
      await show();
    } else if (b.dataset.claim) {
      await box.claim(b.dataset.claim, me);
      await send(true);
    } else if (b.dataset.send !== undefined) await send(true);
  });

  // Whoever signs out while something of theirs waits is asked first.
  doc.addEventListener("submit", (e) => {
    const leave = doc.getElementById("leave");
    if (!leave || !e.target.matches('form[action="/logout"]') || leave.contains(e.target) || !(Number(doc.body.dataset.unsent) > 0)) return;
    e.preventDefault();
    leave.showModal();
  }, true);

  const keepHere = async (form) => {
    const data = [...new FormData(form)], kind = new Map(data).get("kind"), say = doc.getElementById("offline-say");
    const tell = (name) => { say.textContent = word(name, say); say.hidden = false; say.focus(); };
    if (!kind || !String(new Map(data).get("summary") || "").trim()) return tell("need");
    try {
      await box.put({ me, action: "/report/" + kind, fields: data.filter(([n, v]) => typeof v === "string" && n !== "kind"),
        files: data.map(([, v]) => v).filter((v) => typeof v !== "string" && v.size) });
    } catch (err) { return tell(err instanceof RangeError ? err.message : "lost"); }
    form.reset();
    form.elements.key.value = crypto.randomUUID();
    tell("kept");
    await show();
    await send(false);
  };

  doc.addEventListener("DOMContentLoaded", async () => {
    try {
      if (cached) me = await box.me() || "";
      else await box.setMe(me);
      await show();
      const form = doc.getElementById("offline-form");
      if (form) {
        form.elements.key.value = crypto.randomUUID();
        form.addEventListener("submit", (e) => { e.preventDefault(); keepHere(form); });
        form.hidden = false;
        const asked = new URL(location.href).searchParams, say = doc.getElementById("offline-say");
        for (const name of ["kept", "lost", "ended"]) if (asked.has(name)) { say.textContent = word(name, say); say.hidden = false; }
        if (!asked.size && cached) { say.textContent = word("away", say); say.hidden = false; }
      }
      if (me) await send(false);
    } catch (err) { strip.dataset.failed = String(err); } // no store here: private mode
  });
  addEventListener("online", () => send(false));
  doc.addEventListener("visibilitychange", () => { if (!doc.hidden) send(false); });
})();
