// Does the little work that a form without an account asks for, while the person is still
// typing. The form goes without it too, by a slower lane.
//
//   <form data-work>                                      data-work=done once the answer is there
//     <input type=hidden name=work value="v1.<time>.<bits>.<nonce>.<seal>"> <input type=hidden name=answer>
//     <p data-work-status role=status data-word=…></p>     says that the page is still at it
//   </form>
//
// The answer is the first whole number n for which SHA-256(seal + n) begins with that many
// zero bits. Own code, because crypto.subtle is not there on a page without TLS.
(() => {
  "use strict";
  const form = document.querySelector("form[data-work]");
  if (!form) return;
  const [, , bits, , seal] = form.elements.work.value.split(".");
  const answer = form.elements.answer, status = form.querySelector("[data-work-status]");
  if (!seal || seal.length !== 32 || !(bits > 0 && bits <= 32)) return;

  // The first 32 bits of a root's fraction, as the standard (FIPS 180-4) makes its constants.
  const part = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const K = Int32Array.from(primes, (p) => part(Math.cbrt(p)));
  const H = Int32Array.from(primes.slice(0, 8), (p) => part(Math.sqrt(p)));
  const W = new Int32Array(64);

  // The first word of the hash of seal + n, which fit one block together.
  const first = (n) => {
    const text = seal + n;
    W.fill(0, 0, 16);
    for (let i = 0; i < text.length; i++) W[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
    W[text.length >> 2] |= 128 << (24 - 8 * (text.length & 3));
    W[15] = text.length * 8;
    for (let i = 16; i < 64; i++) {
      const x = W[i - 15], y = W[i - 2];
      W[i] = (W[i - 16] + W[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10)) | 0;
    }
    let a = H[0], b = H[1], c = H[2], d = H[3], e = H[4], f = H[5], g = H[6], h = H[7];
    for (let i = 0; i < 64; i++) {
      const t = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
      const u = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
    }
    return (a + H[0]) | 0;
  };

  let n = 0, waiting = null;
  const step = () => {
    const until = performance.now() + 12;
    do {
      for (let i = 0; i < 200; i++, n++) {
        if (Math.clz32(first(n)) >= bits) {
          answer.value = n;
          form.dataset.work = "done";
          if (waiting) { status.textContent = ""; form.requestSubmit(waiting.button); }
          return;
        }
      }
    } while (performance.now() < until);
    setTimeout(step);
  };
  form.addEventListener("submit", (e) => {
    if (answer.value) return;
    e.preventDefault();
    waiting = { button: e.submitter };
    status.textContent = status.dataset.word;
  });
  step();
})();
