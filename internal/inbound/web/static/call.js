// The clock of a call: seconds since it began by the server's clock, counted on from when
// the page came. Without it the time of the beginning stands there.
//
//   <b data-elapsed="12" hidden></b>
(() => {
  "use strict";
  const clock = document.querySelector("[data-elapsed]");
  if (!clock) return;
  const began = Date.now() - Number(clock.dataset.elapsed) * 1000, two = (n) => String(n).padStart(2, "0");
  const show = () => {
    const s = Math.max(0, Math.floor((Date.now() - began) / 1000)), hours = Math.floor(s / 3600), minutes = Math.floor(s / 60) % 60;
    clock.textContent = (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(s % 60);
  };
  clock.hidden = false;
  show();
  setInterval(show, 1000);
})();
