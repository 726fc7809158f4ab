// Small manners of the operator pages: dialogs, filters that apply themselves, rows that unfold.
(() => {
  "use strict";

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-pa-dialog]");
    if (opener) document.getElementById(opener.dataset.paDialog)?.showModal();
    if (event.target.closest("[data-pa-close]")) event.target.closest("dialog")?.close();
    const unfolder = event.target.closest("[data-pa-unfold]");
    if (unfolder) toggleRows(unfolder);
    const copier = event.target.closest("[data-pa-copy]");
    if (copier) copyText(copier);
  });

  // A page that refreshes itself may have drawn the button anew meanwhile, or be about to: the
  // focus goes there.
  document.addEventListener("close", ({ target }) => {
    const goBack = () => {
      if (document.activeElement !== document.body) return;
      document.querySelector(`[data-pa-dialog="${CSS.escape(target.id)}"]`)?.focus();
    };
    goBack();
    document.addEventListener("htmx:afterSettle", goBack, { once: true });
  }, true);

  // Where the browser refuses (plain http, say) the text is marked, so that Ctrl-C takes it.
  async function copyText(button) {
    const field = document.getElementById(button.dataset.paCopy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      return;
    }
    const note = button.parentElement.querySelector("[data-pa-copied]");
    if (note) note.hidden = false;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pa-apply]")) event.target.form.requestSubmit();
  });

  // A dialog whose form was refused opens with what was typed into it.
  document.querySelector("dialog[data-pa-open]")?.showModal();

  // A row that has its children already hides and shows them; else htmx fetches them once.
  function toggleRows(button) {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    document.querySelectorAll(`[data-pa-parent="${CSS.escape(button.dataset.paUnfold)}"]`).forEach((row) => {
      row.hidden = isOpen;
      const inner = row.querySelector("[data-pa-unfold][aria-expanded=true]");
      if (isOpen && inner) toggleRows(inner);
    });
  }

  // A form that was kept in this window while it was sent has arrived: another page came of it.
  const sent = sessionStorage.getItem("pa-sent");
  if (sent && !document.getElementById("pa-compose")) {
    sessionStorage.removeItem(sent);
    sessionStorage.removeItem("pa-sent");
  }
})();
