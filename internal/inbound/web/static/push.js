// Adds this browser to one's contacts: asks for the permission, subscribes under the
// server's key, and sends the form with what came of it.
//
//   <form data-push=KEY data-word-denied data-word-failed>
//     <input type=hidden name=subscription> <button type=submit hidden> <p data-push-none> <p role=status>
(() => {
  "use strict";
  const form = document.querySelector("form[data-push]");
  if (!form || !navigator.serviceWorker || !window.PushManager || !window.Notification) return;
  const button = form.querySelector("button"), status = form.querySelector("[role=status]");
  form.querySelector("[data-push-none]").hidden = true;
  button.hidden = false;

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    button.disabled = true;
    status.textContent = "";
    try {
      if (await Notification.requestPermission() !== "granted") throw new Error(form.dataset.wordDenied);
      const worker = await navigator.serviceWorker.ready;
      const old = await worker.pushManager.getSubscription();
      if (old) await old.unsubscribe(); // it may be of another key, or of who signed in before
      const s = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: form.dataset.push });
      form.elements.subscription.value = JSON.stringify(s);
      form.submit();
    } catch (err) {
      button.disabled = false;
      status.textContent = err.message === form.dataset.wordDenied ? err.message : form.dataset.wordFailed;
    }
  });
})();
