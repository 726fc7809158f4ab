// Pages that ask for pieces of themselves again and again keep what was opened and what has the
// focus; times to come are counted down between two answers.
(() => {
  "use strict";

  let open = new Set();
  let focused = "";
  const name = (node) => node.id || node.getAttribute("href") || "";

  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    open = new Set([...target.querySelectorAll("details[open][id]")].map((node) => node.id));
    focused = target.contains(document.activeElement) ? name(document.activeElement) : "";
  });

  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    if (!focused) return;
    const found = document.getElementById(focused) || document.querySelector(`a[href="${CSS.escape(focused)}"]`);
    found?.focus({ preventScroll: true });
  });
})();
