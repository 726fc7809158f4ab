// Staff pages: a button that cannot be undone asks first; a route shows its own vendor's fields.
(() => {
  "use strict";

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.question;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  function showOwnFields(select) {
    const dialect = select.selectedOptions[0]?.dataset.dialect || "";
    const route = select.closest(".form-group");
    route?.querySelectorAll("[name*='-option__']").forEach((input) => {
      const row = input.closest(".field-row") || input.closest("[class*='field-option__']");
      if (row) row.hidden = !input.name.includes(`-option__${dialect}__`);
    });
  }

  function showAll() {
    document.querySelectorAll("select[name^='routes-'][name$='-account']").forEach(showOwnFields);
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("select[name^='routes-'][name$='-account']")) showOwnFields(event.target);
  });
  function nameChoosers() {
    // The box that shows the chosen row is named by itself, so it has no name while it is empty.
    document.querySelectorAll(".select2-selection__rendered").forEach((box) => {
      const field = box.closest(".select2-container")?.previousElementSibling;
      const label = field?.labels?.[0]?.textContent.trim();
      if (label) box.setAttribute("aria-label", label);
    });
    // In the list of several chosen rows, a button to remove them all stands beside the items.
    document.querySelectorAll("ul > .select2-selection__clear").forEach((clear) => clear.setAttribute("role", "listitem"));
  }

  // Languages in an order: each goes up by a button, which stays with it.
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-languages] [data-up]");
    if (!button) return;
    const box = button.parentElement.querySelector("input");
    const above = button.parentElement.previousElementSibling;
    const other = above.querySelector("input");
    [box.value, other.value] = [other.value, box.value];
    (above.querySelector("[data-up]") ?? other).focus();
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-languages] [data-up]").forEach((button) => { button.hidden = false; });
    nameChoosers();
    // They are drawn later, and again for each row that is added.
    new MutationObserver(nameChoosers).observe(document.body, { childList: true, subtree: true });
  });
  document.addEventListener("formset:added", showAll);
  document.addEventListener("DOMContentLoaded", showAll);
})();
