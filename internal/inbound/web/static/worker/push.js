// The service worker's part for push messages. A message holds where it leads and the
// person's language; what stands on the locked screen is written here.
(() => {
  "use strict";
  const words = {
    ja: { notice: ["関守から知らせがあります", "開いて、内容を確かめてください。"], code: ["関守の通知が届きました", "押すと、確認のページが開きます。"], drill: ["【訓練】関守から知らせがあります", "開いて、本番と同じように答えてください。"] },
    en: { notice: ["Sekimori has a notice for you", "Open it to see what it is about."], code: ["A notice from Sekimori has arrived", "Press it to open the page that confirms it."], drill: ["DRILL: Sekimori has a notice for you", "Open it and answer as if it were real."] },
  };
  const path = (to) => typeof to === "string" && /^\/(a|account)\/[\w./?=-]*$/.test(to) ? to : "/";

  self.addEventListener("push", (e) => {
    let told = {};
    try { told = e.data.json(); } catch { /* shown all the same: a browser wants every message shown */ }
    const to = path(told.to), set = words[told.lang] || words.ja;
    const [title, body] = to.startsWith("/account/") ? set.code : told.drill === true ? set.drill : set.notice;
    e.waitUntil(self.registration.showNotification(title, { body, lang: told.lang || "ja", tag: to, requireInteraction: true, data: { to } }));
  });

  self.addEventListener("notificationclick", (e) => {
    e.notification.close();
    e.waitUntil(self.clients.openWindow(path(e.notification.data?.to)));
  });
})();
