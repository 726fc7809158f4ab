// Copies the text beside a button, and says so; without a clipboard it selects the text. One box
// ticks all who are shown.
(() => {
  "use strict";

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-pa-copy]");
    if (!button) return;
    const field = button.parentElement.querySelector("input");
    field.select();
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(field.value);
    button.querySelector("[data-pa-copied]").textContent = button.dataset.paDone;
  });

  // Without scripts there are only the boxes themselves.
  const all = document.querySelector("[data-pa-tick-all]");
  if (!all) return;
  const whole = all.querySelector("input");
  const boxes = [...document.querySelectorAll("input[name=person]")];
  const ticked = document.querySelector("input[name=whom][value=ticked]");

  function count() {
    const some = boxes.filter((box) => box.checked).length;
    whole.checked = some === boxes.length;
    whole.indeterminate = some > 0 && some < boxes.length;
  }

  document.addEventListener("change", ({ target }) => {
    if (target === whole) boxes.forEach((box) => { box.checked = whole.checked; });
    if (target !== whole && !boxes.includes(target)) return;
    // Who ticks somebody means those, and no longer everybody found.
    ticked.checked = true;
    count();
  });
  // A page that one comes back to has its ticks again.
  window.addEventListener("pageshow", count);
  all.hidden = false;
})();
