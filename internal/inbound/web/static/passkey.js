// Makes and shows passkeys. A form sends what the browser answers, as text, like any other;
// where a browser or an address cannot do passkeys, its form stays hidden.
//
//   <form data-passkey="get" or "create"   what is asked of the browser
//         data-options=…                   where the options come from, as JSON
//         data-site=…                      the host name that passkeys belong to
//         data-word-failed=… hidden>       what to say when there is no answer
//     <input type=hidden data-from=…>      takes along what was typed in the field of that id
//     <input type=hidden name=answer> <button> <p data-passkey-status role=status></p>
//   </form>
//   <p data-passkey-none hidden></p>       shown where there are none
(() => {
  "use strict";
  const doc = document;
  const toBytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const toText = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((k) => ({ ...k, id: toBytes(k.id) }));

  const ask = async (how, o) => {
    o.challenge = toBytes(o.challenge);
    if (how === "create") {
      o.user.id = toBytes(o.user.id);
      o.excludeCredentials = named(o.excludeCredentials);
    } else {
      o.allowCredentials = named(o.allowCredentials);
    }
    const made = await navigator.credentials[how]({ publicKey: o });
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[part]) response[part] = toText(made.response[part]);
    }
    return JSON.stringify({ id: made.id, rawId: toText(made.rawId), type: made.type, clientExtensionResults: {}, response });
  };

  const run = async (form) => {
    const status = form.querySelector("[data-passkey-status]"), button = form.querySelector("button");
    status.textContent = "";
    button.disabled = true;
    try {
      const res = await fetch(form.dataset.options, { cache: "no-store", headers: { Accept: "application/json" } });
      if (res.redirected) { // signed out, or to be confirmed first
        location.assign(new URL(res.url).pathname === "/account/confirm" ? res.url : location.href);
        return;
      }
      if (!res.ok) throw new Error(res.status);
      form.elements.answer.value = await ask(form.dataset.passkey, await res.json());
      button.disabled = false;
      for (const field of form.querySelectorAll("[data-from]")) field.value = doc.getElementById(field.dataset.from).value;
      form.requestSubmit(button);
    } catch {
      button.disabled = false;
      status.textContent = form.dataset.wordFailed;
    }
  };

  const able = (site) => window.PublicKeyCredential && window.isSecureContext && (location.hostname === site || location.hostname.endsWith("." + site));
  for (const form of doc.querySelectorAll("form[data-passkey]")) {
    if (!able(form.dataset.site)) {
      doc.querySelectorAll("[data-passkey-none]").forEach((el) => { el.hidden = false; });
      continue;
    }
    form.hidden = false;
    form.addEventListener("submit", (e) => {
      if (form.elements.answer.value) return;
      e.preventDefault();
      run(form);
    });
    addEventListener("pageshow", () => { form.elements.answer.value = ""; });
  }
})();
