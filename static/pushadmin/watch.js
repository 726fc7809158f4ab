// Pages that ask for pieces of themselves again and again keep what was opened and what has the
// focus; times to come are counted down between two answers.
(() => {
  "use strict";

  let open = new Set();
  let focused = "";

  // Where the same control is found in the answer: by its id, its address, or that of its form.
  function place(node) {
    const address = node.getAttribute("href");
    const action = node.form?.getAttribute("action");
    if (node.id) return `#${CSS.escape(node.id)}`;
    if (address) return `a[href="${CSS.escape(address)}"]`;
    if (node.localName === "summary" && node.parentNode.id) return `#${CSS.escape(node.parentNode.id)} > summary`;
    return action ? `form[action="${CSS.escape(action)}"] ${node.localName}` : "";
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    open = new Set([...target.querySelectorAll("details[open][id]")].map((node) => node.id));
    focused = target.contains(document.activeElement) ? place(document.activeElement) : "";
  });

  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
  });

  // What the server has written in words goes on by itself, in the units of the page's language.
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function count(node) {
    const left = Math.round((Date.parse(node.dataset.paCountdown) - Date.now()) / 1000);
    const at = Math.max(0, units.findIndex(([, size]) => left >= size));
    const parts = units.slice(at, at + 2).map(([unit, size], place) => {
      const number = Math.floor((place ? left % units[at][1] : left) / size);
      return new Intl.NumberFormat(document.documentElement.lang || "en", { style: "unit", unit, unitDisplay: "short" }).format(number);
    });
    node.textContent = left > 0 ? parts.join(" ") : node.dataset.paDue || "now";
  }

  const countAll = () => document.querySelectorAll("[data-pa-countdown]").forEach(count);
  document.addEventListener("DOMContentLoaded", () => {
    countAll();
    setInterval(countAll, 1000);
  });
})();
