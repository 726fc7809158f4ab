// Compose: tabs, parts that show by choice, the phone that follows what is typed, translations.
// Everything is delegated, because another app draws the whole form anew.
(() => {
  "use strict";

  const root = () => document.getElementById("pa-compose");
  const value = (path) => {
    const field = root().querySelector(`[data-pa-path="${path}"]`);
    if (!field) return "";
    return field.type === "checkbox" ? field.checked : field.value.trim();
  };

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
    if (tab.dataset.paPhone) draw(tab.dataset.paPhone);
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

  // The phone --------------------------------------------------------------------------------
  function put(phone, name, text) {
    phone.querySelectorAll(`[data-pa-show="${name}"]`).forEach((place) => {
      place.textContent = text;
      place.hidden = !text;
    });
  }

  function picture(phone, name, url) {
    phone.querySelectorAll(`[data-pa-picture="${name}"]`).forEach((image) => {
      const isUrl = /^https:\/\/.+/.test(url);
      image.hidden = !isUrl;
      if (isUrl && image.getAttribute("src") !== url) image.src = url;
    });
  }

  function draw(platform) {
    const phone = root()?.querySelector(`[data-pa-phone-of="${platform}"]`);
    if (!phone) return;
    root().querySelectorAll("[data-pa-phone-of]").forEach((other) => (other.hidden = other !== phone));
    root().querySelectorAll("[data-pa-preview-tab]").forEach((tab) => {
      tab.setAttribute("aria-pressed", String(tab.dataset.paPreviewTab === platform));
    });
    const title = value(`${platform}.title`) || value("title");
    const body = value(`${platform}.body`) || value("body");
    const isSilent = value(`${platform}.silent`) === true;
    put(phone, "title", title);
    put(phone, "body", body || phone.dataset.paEmpty);
    put(phone, "badge", platform === "ios" ? value("ios.badge") : "");
    picture(phone, "image", value(`${platform}.image`));
    picture(phone, "banner", platform === "android" ? value("android.banner") : "");
    phone.querySelectorAll("[data-pa-loud]").forEach((part) => (part.hidden = isSilent));
    phone.querySelectorAll("[data-pa-silent]").forEach((part) => (part.hidden = !isSilent));
    const meter = document.getElementById("pa-meter");
    if (meter) meter.textContent = `${[...title].length} + ${[...body].length}`;
  }

  const shown = () => root().querySelector("[data-pa-preview-tab][aria-pressed=true]")?.dataset.paPreviewTab || "android";

  // Translations -----------------------------------------------------------------------------
  function addTranslation() {
    const total = root().querySelector('[name="translations-TOTAL_FORMS"]');
    const html = document.getElementById("pa-translation").innerHTML.replaceAll("__prefix__", total.value);
    document.getElementById("pa-translations").insertAdjacentHTML("beforeend", html);
    total.value = String(Number(total.value) + 1);
    root().querySelector("#pa-translations > :last-child input")?.focus();
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[role=tab]")) choose(at("[role=tab]"));
    if (at("[data-pa-preview-tab]")) draw(at("[data-pa-preview-tab]").dataset.paPreviewTab);
    if (at("[data-pa-expand]")) {
      const isOpen = root().classList.toggle("pa-push-open");
      at("[data-pa-expand]").setAttribute("aria-pressed", String(isOpen));
    }
    if (at("[data-pa-add-translation]")) addTranslation();
    if (at("[data-pa-remove]")) {
      at(".pa-translation").remove();
      root().querySelector("form").dispatchEvent(new Event("change", { bubbles: true }));
    }
    if (at("[data-pa-goto]")) {
      event.preventDefault();
      goTo(at("[data-pa-goto]").hash.slice(1));
    }
  });

  // A field in a closed tab is shown before it is focused.
  function goTo(id) {
    const field = document.getElementById(id);
    const panel = field?.closest("[role=tabpanel]");
    if (panel) choose(document.getElementById(panel.getAttribute("aria-labelledby")));
    field?.focus();
    field?.scrollIntoView({ block: "center" });
  }

  document.addEventListener("input", (event) => {
    if (!event.target.closest("#pa-compose")) return;
    draw(shown());
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
    const wrong = root().querySelector("[role=tabpanel] .errors");
    if (wrong) choose(document.getElementById(wrong.closest("[role=tabpanel]").getAttribute("aria-labelledby")));
    draw(shown());
  }

  // What is typed while another app's form is on its way is kept, and so is where it is typed.
  let asked = new Map();
  const isKept = (field) => field.name && field.type !== "hidden" && field.name !== "target";
  const read = (field) => (["checkbox", "radio"].includes(field.type) ? String(field.checked) : field.value);
  const nameField = (field) => `${field.name}=${field.type === "radio" ? field.value : ""}`;
  const listFields = () => [...root().querySelectorAll("input, textarea, select:not([multiple])")].filter(isKept);
  const readAll = () => new Map(listFields().map((field) => [nameField(field), read(field)]));

  function putBack(typed, focused) {
    listFields().forEach((field) => {
      const text = typed.get(nameField(field));
      if (text === undefined) return;
      if (["checkbox", "radio"].includes(field.type)) field.checked = text === "true";
      else field.value = text;
    });
    if (!focused?.id) return;
    const field = document.getElementById(focused.id);
    field?.focus();
    if (focused.at !== null) field?.setSelectionRange?.(focused.at, focused.at);
  }

  const isRedraw = (event) => event.detail.target?.id === "pa-compose" || event.target?.id === "pa-compose";

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

  document.addEventListener("DOMContentLoaded", start);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!isRedraw(event)) return;
    restore?.();
    restore = null;
    start();
  });
})();
