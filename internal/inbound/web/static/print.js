// Shows a button that prints the page, where there is a script to do so.
//
//   <button type=button data-print hidden>
(() => {
  "use strict";
  for (const b of document.querySelectorAll("[data-print]")) {
    b.hidden = false;
    b.addEventListener("click", () => print());
  }
})();
