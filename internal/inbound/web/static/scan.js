// Reads QR codes with the camera on the page of a count, and sends each once. The page
// works without it: a field for the number and one for a photograph are in the form.
//
//   <script src=jsqr.js defer></script> <script src=scan.js defer></script>
//   <form data-scan method=post action=…      where codes go: fields code, how, place and whatever else is in it
//         data-undo=…                         where sightings are taken back: the same fields, and sighting
//         data-word-ready data-word-denied data-word-none data-word-unsent data-word-signin data-word-refused
//         data-word-undo data-word-undone>    the page's texts
//     <input name=code> <input name=place>
//     <button type=button data-scan-start hidden> <button type=button data-scan-stop hidden>
//     <video data-scan-video hidden muted playsinline></video>
//   </form>
//   <p data-scan-status role=status aria-live=polite></p>
//   <ol data-scan-list></ol>                  newest first
//
// An answer is JSON: {"result": "found"|"met"|"twice"|"again"|"unknown"|"outside"|"wrong",
// "text": a sentence for the person, "sighting": what to take back, or ""}. The answer to
// taking back needs a text only. Every other status is a refusal; its "detail" is shown.
(() => {
  "use strict";
  const doc = document, form = doc.querySelector("form[data-scan]");
  if (!form) return;
  const find = (name) => doc.querySelector("[data-scan-" + name + "]");
  const [start, stop, video, status, list] = ["start", "stop", "video", "status", "list"].map(find);
  const word = (name) => form.dataset["word" + name] || "";
  const say = (text) => { status.textContent = ""; requestAnimationFrame(() => { status.textContent = text; }); };

  const sent = new Set(); // place and code of what was sent, or is about to be
  const waiting = [];
  let sending = false, later;

  const post = async (to, extra) => {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") body.set(name, value);
    for (const [name, value] of Object.entries(extra)) body.set(name, value);
    const res = await fetch(to, { method: "POST", body, headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" });
    if (res.redirected) throw new Error(word("Signin"));
    let answer = {};
    try { answer = await res.json(); } catch { /* no JSON: the status says enough */ }
    if (!res.ok && res.status < 500) throw new Error(answer.detail || word("Refused"));
    return res.ok ? answer : null;
  };

  const line = (item, answer) => {
    const li = doc.createElement("li"), text = doc.createElement("span");
    li.className = "scan-" + (answer.result || "wrong");
    text.textContent = answer.text || item.code;
    li.append(text);
    if (answer.sighting) {
      const b = doc.createElement("button");
      b.type = "button";
      b.textContent = word("Undo");
      b.addEventListener("click", async () => {
        b.disabled = true;
        try {
          const undone = await post(form.dataset.undo, { sighting: answer.sighting });
          if (!undone) throw new Error(word("Unsent"));
          sent.delete(item.key);
          li.className = "scan-undone";
          b.remove();
          say(undone.text || word("Undone"));
        } catch (e) {
          b.disabled = false;
          say(e instanceof TypeError ? word("Unsent") : e.message);
        }
      });
      li.append(" ", b);
    }
    list.prepend(li);
    say(text.textContent);
  };

  // One after the other, and again until the server has answered: nothing that was read
  // is lost while the page is open.
  const flush = async () => {
    if (sending) return;
    sending = true;
    clearTimeout(later);
    while (waiting.length) {
      const item = waiting[0];
      try {
        const answer = await post(form.action, { code: item.code, how: "camera", place: item.place });
        if (!answer) throw new TypeError("the server is away");
        waiting.shift();
        line(item, answer);
      } catch (e) {
        if (e instanceof TypeError) { // the network
          say(word("Unsent"));
          later = setTimeout(flush, 5000);
          break;
        }
        waiting.shift(); // and not again while it lies before the camera
        line(item, { result: "wrong", text: item.code.slice(0, 60) + ": " + e.message });
      }
    }
    sending = false;
  };

  const seen = (code) => {
    const place = form.elements.place ? form.elements.place.value.trim() : "", key = place + "\n" + code;
    if (!code || code.length > 300 || sent.has(key)) return;
    sent.add(key);
    waiting.push({ code, place, key });
    if (navigator.vibrate) navigator.vibrate(60);
    flush();
  };

  // The browser's own reader where there is one, else the one that comes with the page.
  const reader = async () => {
    try {
      if ("BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
        const own = new BarcodeDetector({ formats: ["qr_code"] });
        return async () => (await own.detect(video)).map((c) => c.rawValue);
      }
    } catch { /* there, and not able */ }
    if (typeof jsQR !== "function") return null;
    const canvas = doc.createElement("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
    return async () => {
      const scale = Math.min(1, 800 / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      pen.drawImage(video, 0, 0, canvas.width, canvas.height);
      const found = jsQR(pen.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height, { inversionAttempts: "dontInvert" });
      return found ? [found.data] : [];
    };
  };

  let stream, turn = 0;
  const show = (on) => { start.hidden = on; stop.hidden = video.hidden = !on; };
  const end = () => {
    turn++;
    if (stream) stream.getTracks().forEach((t) => t.stop());
    stream = video.srcObject = null;
    show(false);
  };
  const begin = async () => {
    end();
    const mine = turn;
    try {
      const got = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 } } });
      if (mine !== turn) return got.getTracks().forEach((t) => t.stop());
      stream = got;
      video.srcObject = stream;
      await video.play();
    } catch (e) {
      if (mine !== turn) return;
      end();
      return say(e.name === "NotAllowedError" ? word("Denied") : word("None"));
    }
    const read = await reader();
    if (mine !== turn) return;
    if (!read) { end(); return say(word("None")); }
    show(true);
    stop.focus();
    say(word("Ready"));
    const look = async () => {
      if (mine !== turn) return;
      if (video.readyState >= 2) {
        try { for (const code of await read()) seen(code); } catch { /* this picture only */ }
      }
      setTimeout(look, 150);
    };
    look();
  };

  start.addEventListener("click", begin);
  stop.addEventListener("click", () => { end(); start.focus(); });
  doc.addEventListener("visibilitychange", () => { if (doc.hidden) end(); });
  addEventListener("pagehide", end);
  addEventListener("online", flush);
  addEventListener("beforeunload", (e) => { if (waiting.length) e.preventDefault(); });
  if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) start.hidden = false; // only over https and on localhost
})();
