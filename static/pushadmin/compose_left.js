// Compose: languages whose texts are not in the page, because there is too much of them: a tab each,
// and the text is fetched when somebody opens it. What is not fetched stays as it is stored.
(() => {
  "use strict";

  const root = () => document.getElementById("pa-compose");
  const field = () => document.getElementById("pa-languages-left");
  const readLeft = () => JSON.parse(field().value || "[]");
  const panelOf = (number) => document.getElementById(`pa-text-${number}`);
  const numberOf = (part) => Number(part.id.replace(/^pa-(lang|text)-/, ""));
  const fill = (id, number) => document.getElementById(id).innerHTML.replaceAll("__prefix__", number);

  // Tabs and panels stand in the order of their numbers, behind the default's.
  function insert(html, parts) {
    const made = document.createRange().createContextualFragment(html).firstElementChild;
    const before = [...parts].filter((part) => !(numberOf(part) > numberOf(made))).at(-1);
    before.after(made);
    return made;
  }

  function draw([number, tag, isWrong]) {
    if (panelOf(number)) return;
    const tab = insert(fill("pa-language-tab", number).trim(), document.querySelectorAll("#pa-languages [role=tab]"));
    if (isWrong) tab.append(document.getElementById("pa-language-wrong").content.cloneNode(true));
    drawPanel(number, tag);
  }

  function drawPanel(number, tag) {
    const panel = insert(`<div role="tabpanel" class="pa-translation pa-stack" id="pa-text-${number}" aria-labelledby="pa-lang-${number}" data-pa-left hidden></div>`, root().querySelectorAll("[id^=pa-text-]"));
    // Without a name: a post says of it only that it was left where it is.
    const told = Object.assign(document.createElement("input"), { type: "hidden", value: tag });
    told.dataset.paTag = "";
    panel.append(told);
  }

  const fetched = new Map(); // by numbers of rows, what their texts were when they came

  function drawAnew() {
    fetched.clear();
    if (field()) readLeft().forEach(draw);
  }

  // Fetching ----------------------------------------------------------------------------------
  function say(panel, kind, words, ...more) {
    panel.querySelectorAll(":scope > :not([data-pa-tag])").forEach((one) => one.remove());
    const line = Object.assign(document.createElement("p"), { className: kind === "alert" ? "pa-error" : "pa-muted", textContent: words });
    line.setAttribute("role", kind);
    panel.append(line, ...more);
  }

  function makeAgain() {
    const again = Object.assign(document.createElement("button"), { type: "button", className: "pa-button pa-button-small", textContent: field().dataset.paAgain });
    again.dataset.paFetch = "";
    return again;
  }

  // What was saved meanwhile is stored under another name, which the answer to that save tells.
  async function ask(panel) {
    const place = document.querySelector("#pa-compose-form [name=stored_in]").value;
    const asked = new URLSearchParams({ stored_in: place, language: panel.querySelector("[data-pa-tag]").value, number: numberOf(panel) });
    try {
      const answer = await window.paAnswers.ask(`${field().dataset.paTexts}?${asked}`);
      return await answer.text();
    } catch (error) {
      let saving = null;
      document.dispatchEvent(new CustomEvent("pa:saving", { detail: (one) => (saving = one) }));
      await saving;
      const isSavedSince = document.querySelector("#pa-compose-form [name=stored_in]")?.value !== place;
      if (isSavedSince && panel.isConnected) return ask(panel);
      throw error;
    }
  }

  async function load(panel) {
    if (!panel || !("paLeft" in panel.dataset) || panel.dataset.paFetching) return;
    panel.dataset.paFetching = "true";
    say(panel, "status", field().dataset.paLoading);
    try {
      const text = await ask(panel);
      if (panel.isConnected) put(panel, text);
    } catch (error) {
      delete panel.dataset.paFetching;
      say(panel, "alert", error.message, makeAgain());
    }
  }

  function put(panel, text) {
    const number = numberOf(panel);
    const made = document.createRange().createContextualFragment(text).firstElementChild;
    made.hidden = panel.hidden;
    const isFocused = panel.contains(document.activeElement);
    panel.replaceWith(made);
    fetched.set(number, readTexts(made));
    field().value = JSON.stringify(readLeft().filter(([one]) => one !== number));
    document.dispatchEvent(new CustomEvent("pa:loaded", { detail: made }));
    if (isFocused) document.getElementById(`pa-lang-${number}`).focus();
  }

  // A field of the message itself ----------------------------------------------------------------
  const findLeft = (name) => document.querySelector(`[data-pa-left-field="${name}"]`);
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (detail.pathInfo?.requestPath.startsWith(`${field()?.dataset.paTexts}?field=`)) document.dispatchEvent(new CustomEvent("pa:loaded", { detail: null }));
  });
  // What was typed in one, and is to be filled in again, takes its place; it is not asked for then.
  document.addEventListener("pa:wanted", (event) => event.detail.forEach(([name, text]) => {
    const kept = findLeft(name);
    if (!kept) return;
    Object.assign(kept.querySelector("[name=left_field]"), { name, value: text });
    kept.querySelector("button").remove();
  }));
  document.addEventListener("pa:names", (event) => event.detail.forEach((name) => findLeft(name)?.querySelector("button")?.click()));

  // What was only looked at is left again: a form has no room for all that somebody may open.
  const readTexts = (panel) => JSON.stringify([...panel.querySelectorAll("[name]")].filter(({ value }) => value).map(({ name, value }) => [name, value]).sort());

  function leaveAgain(number, texts) {
    const panel = panelOf(number);
    if (panel && (!panel.hidden || panel.querySelector(".errors"))) return;
    fetched.delete(number);
    if (!panel || readTexts(panel) !== texts) return;
    const tag = panel.querySelector("input[name$=-language]").value;
    panel.remove();
    field().value = JSON.stringify([...readLeft(), [number, tag]]);
    drawPanel(number, tag);
  }

  // What is typed may be what it was, while it is stored as it has been since.
  document.addEventListener("input", (event) => {
    const panel = event.target.closest?.("#pa-compose .pa-translation");
    if (panel) fetched.delete(numberOf(panel));
  });

  const isLeft = (number) => panelOf(number) && "paLeft" in panelOf(number).dataset;

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-pa-fetch]")) load(event.target.closest("[data-pa-left]"));
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-pa-preview-language]")) return;
    const tab = [...document.querySelectorAll("#pa-languages [role=tab]")].find((one) => one.dataset.paLanguage === event.target.value);
    if (tab) load(document.getElementById(tab.getAttribute("aria-controls")));
  });
  document.addEventListener("pa:chosen", (event) => {
    if (!event.detail.closest("#pa-languages")) return;
    fetched.forEach((texts, number) => leaveAgain(number, texts));
    load(document.getElementById(event.detail.getAttribute("aria-controls")));
  });
  document.addEventListener("pa:names", (event) => {
    const numbers = event.detail.map((name) => /^translations-(\d+)-/.exec(name)?.[1]).filter(Boolean);
    new Set(numbers).forEach((number) => isLeft(number) && load(panelOf(number)));
  });
  document.addEventListener("pa:left", drawAnew);
  document.addEventListener("pa:drawn", drawAnew);
})();
