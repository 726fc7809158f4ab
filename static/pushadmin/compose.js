// Compose: tabs, parts that show by choice, the way to a field, the form of another app.
// Everything is delegated, because another app draws the whole form anew; `pa:drawn` says so to
// the other scripts of the page, `pa:chosen` that a tab was.
(() => {
  "use strict";

  const root = () => document.getElementById("pa-compose");
  // Tabs -----------------------------------------------------------------------------------
  function choose(tab, focus) {
    const list = tab.closest("[role=tablist]");
    list.querySelectorAll("[role=tab]").forEach((other) => {
      const isChosen = other === tab;
      other.setAttribute("aria-selected", String(isChosen));
      other.tabIndex = isChosen ? 0 : -1;
      const panel = document.getElementById(other.getAttribute("aria-controls"));
      if (panel) panel.hidden = !isChosen;
    });
    if (focus) tab.focus();
    document.dispatchEvent(new CustomEvent("pa:chosen", { detail: tab }));
  }

  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
    const at = tabs.indexOf(tab);
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    choose(tabs[(next + tabs.length) % tabs.length], true);
  });

  // Enter in a field of one line would press the form's first button: nobody means to review a
  // text that is half written.
  const PRESSED = ["submit", "button", "reset", "file"];
  document.addEventListener("keydown", (event) => {
    const isField = event.target.matches?.("#pa-compose-form input") && !PRESSED.includes(event.target.type);
    if (event.key === "Enter" && isField) event.preventDefault();
  });

  // Parts that belong to a choice ------------------------------------------------------------
  function isChosen(rule) {
    const [name, wanted] = rule.split("=");
    const chosen = root().querySelector(`input[name="${name}"]:checked, select[name="${name}"]`);
    return wanted.split("|").includes(chosen?.value);
  }

  function showParts() {
    root().querySelectorAll("[data-pa-when]").forEach((part) => {
      part.hidden = !isChosen(part.dataset.paWhen);
    });
    root().querySelectorAll("[data-pa-unless]").forEach((part) => {
      part.hidden = isChosen(part.dataset.paUnless);
    });
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[role=tab]")) choose(at("[role=tab]"));
    if (at("[data-pa-goto]")) {
      event.preventDefault();
      goToNamed(at("[data-pa-goto]").hash.slice(1));
    }
  });

  // A field in a closed tab is shown before it is focused.
  function goTo(named) {
    const field = named?.hidden ? findStandIn(named) : named;
    const panel = field?.closest("[role=tabpanel]");
    if (panel) choose(document.getElementById(panel.getAttribute("aria-labelledby")));
    const fold = field?.closest("details");
    if (fold) fold.open = true;
    field?.focus();
    field?.scrollIntoView({ block: "center" });
  }

  // A text that is written as rows is hidden: what is wrong there comes first.
  function findStandIn(field) {
    const shown = ["[aria-invalid=true]", ":is(input, select)", "button"].map((one) => field.closest(".pa-field")?.querySelector(`.pa-data-rows ${one}:not([hidden])`));
    return shown.find(Boolean) ?? field;
  }

  // Fields of most languages are drawn when somebody wants to see them.
  const draw = (names) => document.dispatchEvent(new CustomEvent("pa:names", { detail: names }));

  let awaited = "";
  function goToNamed(id) {
    draw([id.replace(/^id_/, "")]);
    awaited = document.getElementById(id) ? "" : id;
    goTo(document.getElementById(id));
  }

  // A text that had to be fetched first.
  document.addEventListener("pa:loaded", () => {
    fillIn();
    if (awaited && document.getElementById(awaited.replace(/^(id_translations-\d+)-.*/, "$1-language"))) goToNamed(awaited);
  });

  document.addEventListener("change", (event) => {
    if (!event.target.closest("#pa-compose")) return;
    showParts();
  });

  function start() {
    if (!root()) return;
    // A refused send has kept a draft: a reload opens it, where it would make another one.
    const place = document.getElementById("pa-compose-form").getAttribute("action");
    if (place !== location.pathname) history.replaceState(history.state, "", place);
    showParts();
    const wrong = [...root().querySelectorAll("[role=tabpanel]")].filter((panel) => panel.querySelector(".errors"));
    wrong.reverse().forEach((panel) => choose(document.getElementById(panel.getAttribute("aria-labelledby"))));
    document.dispatchEvent(new CustomEvent("pa:drawn"));
  }

  // What is typed while another app's form is on its way is kept, and so is where it is typed.
  let asked = new Map();
  const isKept = (field) => field.name && field.type !== "hidden" && field.name !== "target";
  const read = (field) => (["checkbox", "radio"].includes(field.type) ? String(field.checked) : field.value);
  const nameField = (field) => `${field.name}=${["checkbox", "radio"].includes(field.type) ? field.value : ""}`;
  const listFields = () => [...root().querySelectorAll("input, textarea, select:not([multiple])")].filter(isKept);
  const readAll = () => new Map(listFields().map((field) => [nameField(field), read(field)]));

  let late = new Map();
  function fillIn() {
    draw([...late.keys()].map((key) => key.slice(0, key.indexOf("="))));
    listFields().forEach((field) => {
      const text = late.get(nameField(field));
      if (text === undefined) return;
      late.delete(nameField(field));
      if (["checkbox", "radio"].includes(field.type)) field.checked = text === "true";
      else field.value = text;
    });
  }

  function putBack(typed, focused) {
    late = typed;
    fillIn();
    if (focused?.id) draw([focused.id.replace(/^id_/, "")]);
    if (!focused?.id) return;
    const field = document.getElementById(focused.id);
    field?.focus();
    if (focused.at !== null) field?.setSelectionRange?.(focused.at, focused.at);
  }

  const isRedraw = (event) => event.detail.target?.id === "pa-compose" || event.target?.id === "pa-compose";

  // A draft that was made meanwhile is the one that is drawn anew.
  document.addEventListener("htmx:configRequest", (event) => {
    if (isRedraw(event)) event.detail.path = document.getElementById("pa-compose-form").getAttribute("action");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isRedraw(event)) asked = readAll();
  });
  let restore = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isRedraw(event) || !root()) return;
    const typed = new Map([...readAll()].filter(([name, text]) => asked.has(name) && asked.get(name) !== text));
    const now = root().contains(document.activeElement) ? document.activeElement : null;
    const focused = now && { id: now.id, at: now.selectionStart ?? null };
    restore = () => putBack(typed, focused);
  });

  document.addEventListener("pa:goto", (event) => goTo(event.detail));
  document.addEventListener("DOMContentLoaded", () => {
    start();
    // The review page leads to the field that is to be mended, wherever it is folded away.
    if (location.hash) goToNamed(location.hash.slice(1));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "pa-choices") showParts();
    if (!isRedraw(event)) return;
    restore?.();
    restore = null;
    start();
  });
})();
