// Compose: what is typed is kept in this window at once and saved as a draft a few seconds later.
// A refused form, a login that has expired or a server that is away lose nothing.
(() => {
  "use strict";

  const IDLE = 3000;
  const LONGEST = 15000;
  const MOST_ALIVE = 60000; // browsers send no more than 64 kB for a page that goes
  const form = () => document.getElementById("pa-compose-form");
  const place = () => document.getElementById("pa-saved");
  let dirty = false;
  let timer = 0;
  let since = 0;
  let saving = null;
  let isBlocked = false;
  let isRestoring = false;

  // Kept in the window ------------------------------------------------------------------------
  const OWN = new Set(["csrfmiddlewaretoken", "version", "left_field", "scenario_shown", "choice_search"]);
  const keyOf = () => `pa-compose:${form().dataset.paUser}:${form().getAttribute("action")}`;
  const listFields = () => [...form().elements].filter((field) => field.name && !OWN.has(field.name) && field.type !== "submit" && field.type !== "button");

  function readFields() {
    return listFields().flatMap((field) => {
      if (["checkbox", "radio"].includes(field.type)) return field.checked ? [[field.name, field.value]] : [];
      if (field.multiple) return [...field.selectedOptions].map((option) => [field.name, option.value]);
      return [[field.name, field.value]];
    });
  }

  function keep() {
    if (!form() || isRestoring) return;
    const kept = { version: form().elements.version.value, fields: readFields(), isSent: false };
    sessionStorage.setItem(keyOf(), JSON.stringify(kept));
  }

  const forget = () => sessionStorage.removeItem(keyOf());

  // Fields that are drawn when they are opened say nothing while they are empty, and each save makes
  // another message of the same draft.
  function isSame(kept, shown) {
    const isSaid = ([name, text]) => text || !/^translations-\d+-/.test(name);
    const write = (fields) => JSON.stringify(fields.filter(isSaid).map(([name, text]) => [name, name === "stored_in" ? text.replace(/^(campaign:\d+):\d+$/, "$1") : text]));
    return write(kept) === write(shown);
  }

  function putBack() {
    const kept = JSON.parse(sessionStorage.getItem(keyOf()) ?? "null");
    if (!kept) return;
    const isOld = kept.version !== form().elements.version.value;
    if (kept.isSent && isOld) return forget();
    if (kept.isSent && "paRefused" in form().dataset) return; // it came back with its marks
    if (isSame(kept.fields, readFields())) return;
    const target = kept.fields.find(([name]) => name === "target");
    // Another app has other fields; it is chosen first, and the rest follows when they are drawn.
    if (target && form().elements.target.value !== target[1] && form().elements.target.querySelector(`option[value="${target[1]}"]`)) {
      isRestoring = true;
      form().elements.target.value = target[1];
      form().elements.target.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    isRestoring = false;
    fill(kept.fields);
    if (isOld) form().elements.version.value = kept.version;
    document.getElementById("pa-restored").hidden = false;
    document.dispatchEvent(new CustomEvent("pa:restored"));
    form().dispatchEvent(new Event("change", { bubbles: true }));
  }

  function fill(fields) {
    document.dispatchEvent(new CustomEvent("pa:rows", { detail: fields }));
    document.dispatchEvent(new CustomEvent("pa:wanted", { detail: fields }));
    document.dispatchEvent(new CustomEvent("pa:names", { detail: fields.filter(([, text]) => text).map(([name]) => name) }));
    const wanted = new Map();
    fields.forEach(([name, text]) => wanted.set(name, [...(wanted.get(name) ?? []), text]));
    listFields().forEach((field) => {
      const texts = wanted.get(field.name) ?? [];
      if (["checkbox", "radio"].includes(field.type)) field.checked = texts.includes(field.value);
      else if (field.multiple) [...field.options].forEach((option) => (option.selected = texts.includes(option.value)));
      else if (texts.length) field.value = texts[0];
    });
  }

  // Saved as a draft --------------------------------------------------------------------------
  // A link that is there already stays: another one in its place would swallow a click on its way.
  function say(words, tone, link) {
    if (link && findLink()?.getAttribute("href") === link) return;
    place().replaceChildren(words);
    place().dataset.paTone = tone ?? "";
    if (!link) return;
    const anchor = document.createElement("a");
    anchor.className = "pa-link";
    anchor.href = link;
    anchor.textContent = place().dataset.paSignIn;
    place().append(" ", anchor);
  }

  const findLink = () => place().querySelector("a");
  // As pages write times, whatever the browser's own language does.
  const clock = () => new Date().toLocaleTimeString(document.documentElement.lang || [], {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const signIn = () => `/admin/login/?next=${encodeURIComponent(location.pathname + location.search)}`;

  function plan() {
    if (isBlocked || !form()?.dataset.paAutosave) return;
    const wait = Math.min(IDLE, Math.max(0, since + LONGEST - Date.now()));
    clearTimeout(timer);
    timer = setTimeout(() => save(), wait);
  }

  function change() {
    keep();
    if (!dirty) since = Date.now();
    dirty = true;
    // Pressing "Sign in" leaves a field, which says only then that it has changed.
    if (!findLink()) say(place().dataset.paWaiting);
    plan();
  }

  // `mark` is of a save on leaving: by it the page knows that version as its own when it is back.
  async function post(mark) {
    const body = new URLSearchParams(new FormData(form()));
    body.set("campaign", form().dataset.paCampaign);
    body.set("csrfmiddlewaretoken", window.paAnswers.token(form()));
    if (mark) body.set("mark", mark);
    const keepalive = Boolean(mark) && String(body).length < MOST_ALIVE;
    return fetch(form().dataset.paAutosave, { method: "POST", body, redirect: "manual", keepalive, headers: { Accept: "application/json" } });
  }

  // The draft's id once everything that is typed is in it, else "".
  async function save(mark) {
    if (saving) await saving;
    if (!form()?.dataset.paAutosave) return "";
    if (!dirty && form().dataset.paCampaign) return form().dataset.paCampaign;
    clearTimeout(timer);
    dirty = false;
    saving = post(mark).catch(() => null).then(read);
    const campaign = await saving;
    saving = null;
    // Whoever is signed out is not asked again before something else is typed.
    if (dirty && place().dataset.paTone !== "bad") {
      since = Date.now();
      plan();
    }
    return campaign;
  }

  function fail(words, link) {
    dirty = true;
    say(words, "bad", link);
    return "";
  }

  const failSignedOut = () => fail(place().dataset.paSignedOut, signIn());

  async function read(answer) {
    if (!form()) return "";
    if (!answer) return fail(place().dataset.paOffline);
    if (answer.type === "opaqueredirect" || answer.status === 403) return failSignedOut();
    const told = await answer.json().catch(() => null);
    if (!told) return fail(answer.ok ? place().dataset.paOffline : window.paAnswers.explain(answer.status, answer.url));
    if (answer.status === 409) {
      isBlocked = true;
      say(told.message, "bad");
      return "";
    }
    if (told.campaign === null) {
      say(told.parts.length ? place().dataset.paUnfinished.replace("%parts%", told.parts.join(", ")) : place().dataset.paWaiting, "warn");
      return "";
    }
    return settle(told);
  }

  function settle(told) {
    const old = keyOf();
    form().dataset.paCampaign = told.campaign;
    form().elements.version.value = told.version;
    form().elements.stored_in.value = told.stored_in;
    if (form().getAttribute("action") !== told.address) {
      form().setAttribute("action", told.address);
      history.replaceState(history.state, "", told.address);
    }
    sessionStorage.removeItem(old);
    if (dirty || told.parts.length) keep();
    const words = told.parts.length ? place().dataset.paPartly : place().dataset.paSaved;
    say(words.replace("%time%", clock()).replace("%parts%", told.parts.join(", ")), told.parts.length ? "warn" : "good");
    document.dispatchEvent(new CustomEvent("pa:saved", { detail: told }));
    return told.parts.length ? "" : String(told.campaign);
  }

  // Other scripts of the page ask for what is typed to be in the draft.
  document.addEventListener("pa:forget", forget);
  document.addEventListener("pa:save", (event) => event.detail(save()));
  document.addEventListener("pa:saving", (event) => event.detail(saving));

  const isTyped = (event) => event.target.closest?.("#pa-compose-form") && !event.target.closest(".pa-preview, [data-pa-unsaved], .pa-lang-add");
  ["input", "change"].forEach((kind) => document.addEventListener(kind, (event) => {
    if (isTyped(event)) change();
  }));
  document.addEventListener("submit", (event) => {
    if (event.target !== form() || event.defaultPrevented) return;
    clearTimeout(timer);
    if (saving) {
      // What is being saved makes a new version, which this has to name.
      event.preventDefault();
      saving.then(() => setTimeout(() => form().requestSubmit(event.submitter)));
      return;
    }
    dirty = false;
    keep();
    const kept = JSON.parse(sessionStorage.getItem(keyOf()));
    sessionStorage.setItem(keyOf(), JSON.stringify({ ...kept, isSent: true }));
    sessionStorage.setItem("pa-sent", keyOf());
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden" || !dirty || isBlocked) return;
    const mark = `${Date.now()}-${Math.random()}`;
    sessionStorage.setItem("pa-leaving", JSON.stringify([form().getAttribute("action"), mark]));
    save(mark);
  });

  // What could not be saved is tried again when somebody comes back to this window, who may have
  // signed in in another one, and when there is a network again.
  function tryAgain() {
    if (!form() || !dirty || saving || isBlocked || isRestoring || place().dataset.paTone !== "bad") return;
    if (document.visibilityState === "visible") save();
  }
  document.addEventListener("visibilitychange", tryAgain);
  ["focus", "online"].forEach((kind) => window.addEventListener(kind, tryAgain));

  // What was saved on leaving may have arrived after this page was drawn: its version is asked for.
  // It is taken as long as it is that save: what somebody else has written since is not saved over.
  async function catchUp(mark) {
    await new Promise((wake) => setTimeout(wake, 700));
    const text = await fetch(location.href).then((answer) => answer.text()).catch(() => "");
    const told = new DOMParser().parseFromString(text, "text/html").getElementById("pa-compose-form");
    if (told?.dataset.paMark === mark) ["version", "stored_in"].forEach((name) => (form().elements[name].value = told.elements[name].value));
    saving = null;
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-pa-forget]")) return;
    forget();
    form().removeAttribute("data-pa-autosave");
    location.reload();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!form()?.dataset.paAutosave || !event.detail.xhr.responseURL.includes("/login/")) return;
    event.detail.shouldSwap = false;
    failSignedOut();
  });
  // A draft that was made while another app's form was on its way is the one that goes on.
  let begun = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "pa-compose") return;
    isRestoring = true; // the field that goes says that it has changed while the new one is empty
    if (!form()?.dataset.paCampaign) return;
    begun = { campaign: form().dataset.paCampaign, version: form().elements.version.value, address: form().getAttribute("action") };
  });
  function carryOn() {
    if (!begun || form().dataset.paCampaign) return;
    form().dataset.paCampaign = begun.campaign;
    form().elements.version.value = begun.version;
    form().setAttribute("action", begun.address);
  }

  document.addEventListener("pa:drawn", () => {
    isBlocked = false;
    isRestoring = false;
    carryOn();
    begun = null;
    sessionStorage.removeItem("pa-sent");
    putBack();
    const [left, mark] = JSON.parse(sessionStorage.getItem("pa-leaving") ?? "[]");
    sessionStorage.removeItem("pa-leaving");
    if (left && left === form().getAttribute("action")) saving = catchUp(mark);
  });
})();
