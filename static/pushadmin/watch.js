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
