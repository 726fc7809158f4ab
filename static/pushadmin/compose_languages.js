// Compose: the texts in other languages, one tab each: added by name, removed, copied from the
// default one, and written in their own direction.
(() => {
  "use strict";

  const root = () => document.getElementById("pa-compose");
  const list = () => document.getElementById("pa-languages");
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  const isTag = (text) => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(text);
  const rightToLeft = () => (root().querySelector("[data-pa-rtl]")?.dataset.paRtl ?? "").split(" ");
  const directionOf = (tag) => (rightToLeft().includes(tag.split("-")[0].toLowerCase()) ? "rtl" : "ltr");

  function listNames() {
    const names = new Map();
    document.querySelectorAll("#pa-known-languages option").forEach((option) => {
      const found = /^(.*) – (.*) \(([^()]+)\)$/.exec(option.value);
      if (found) names.set(found[3].toLowerCase(), { tag: found[3], name: found[1], own: found[2] });
    });
    return names;
  }

  // The tag that somebody means: an option of the list, a name, or a tag.
  function findTag(text) {
    const inBrackets = /\(([^()]+)\)$/.exec(text);
    if (inBrackets && isTag(inBrackets[1])) return inBrackets[1];
    const names = [...listNames().values()];
    const wanted = text.toLowerCase();
    const named = names.find((one) => [one.name, one.own, one.tag].some((word) => word.toLowerCase() === wanted));
    return named?.tag ?? (isTag(text) && (text.includes("-") || text.length < 4) ? text : "");
  }

  function nameTag(tag) {
    const names = listNames();
    const whole = names.get(tag.toLowerCase());
    if (whole) return whole.name;
    const [language, ...region] = tag.split("-");
    const found = names.get(language.toLowerCase());
    return found ? `${found.name} (${region.join("-")})` : tag;
  }

  const tabs = () => [...list().querySelectorAll("[role=tab]")];
  const tagField = (tab) => panelOf(tab)?.querySelector("input[name$=-language], input[data-pa-tag]");

  function add() {
    const box = document.getElementById("pa-language-new");
    const fault = document.getElementById("pa-language-fault");
    const tag = findTag(box.value.trim());
    const isKnown = tabs().some((tab) => tagField(tab)?.value.trim().toLowerCase() === tag.toLowerCase());
    fault.hidden = Boolean(tag) && !isKnown;
    fault.textContent = tag ? box.dataset.paKnown : box.dataset.paUnknown;
    if (!fault.hidden) return box.focus();
    box.value = "";
    choose(make(tag));
  }

  const totalField = () => root().querySelector('[name="translations-TOTAL_FORMS"]');

  function make(tag, number = totalField().value) {
    const total = totalField();
    const fill = (id) => document.getElementById(id).innerHTML.replaceAll("__prefix__", number);
    list().insertAdjacentHTML("beforeend", fill("pa-language-tab"));
    const panels = root().querySelectorAll("[id^=pa-text-]");
    panels[panels.length - 1].insertAdjacentHTML("afterend", fill("pa-translation"));
    total.value = String(Math.max(Number(total.value), Number(number) + 1));
    const tab = tabs().at(-1);
    tagField(tab).value = tag;
    dress(tab);
    return tab;
  }

  function choose(tab) {
    tab.click();
    panelOf(tab).querySelector("input[name$=-title], input[name=title]")?.focus();
    root().querySelector("form").dispatchEvent(new Event("change", { bubbles: true }));
  }

  // What follows from a language: its tab's name, its direction, the texts it falls back to.
  function dress(tab) {
    const field = tagField(tab);
    const panel = panelOf(tab);
    const tag = field ? field.value.trim() : root().querySelector("[data-pa-default]")?.dataset.paDefault ?? "";
    panel.querySelectorAll("input[name$=title], input[name$=subject], textarea").forEach((box) => {
      box.dir = tag ? directionOf(tag) : "auto";
      box.lang = tag;
    });
    document.dispatchEvent(new CustomEvent("pa:dressed", { detail: panel }));
    if (!field) return;
    showSaid(panel);
    tab.dataset.paLanguage = tag;
    tab.querySelector("[data-pa-language-name]").textContent = tag ? nameTag(tag) : "…";
    tab.querySelector("[data-pa-reach]").dataset.paReach = tag;
    const chain = panel.querySelector("[data-pa-chain]");
    if (!chain) return;
    const texts = tag.includes("-") ? [tag, tag.split("-")[0]] : [tag];
    chain.textContent = chain.dataset.paChain.replace("%tag%", texts.join(`${chain.dataset.paOr} `));
  }

  // What is said in single fields is asked for where the message itself says something there.
  const baseOf = (box) => root().querySelector(`[data-pa-path="${box.name.replace(/^translations-\w+-/, "").replace("-", ".")}"]`);
  const listSaid = (panel) => [...panel.querySelectorAll("[data-pa-said]")].map((part) => [part, part.querySelector("input, textarea")]);

  function showSaid(panel) {
    listSaid(panel).forEach(([part, box]) => (part.hidden = !baseOf(box)?.value.trim() && !box.value && !part.querySelector(".errors")));
    panel.querySelectorAll("[data-pa-block]").forEach((block) => (block.hidden = !block.querySelector("[data-pa-said]:not([hidden])")));
  }

  // Words for single platforms are drawn when somebody opens them: there may be many languages.
  function drawPlatforms(fold) {
    if (fold.querySelector(".pa-fold-body")) return;
    fold.insertAdjacentHTML("beforeend", document.getElementById("pa-translation-platforms").innerHTML.replaceAll("__prefix__", fold.dataset.paPlatforms));
    dress(document.getElementById(fold.closest(".pa-translation").getAttribute("aria-labelledby")));
  }

  // Of most languages the page has only the texts: there may be two hundred. The fields are drawn
  // when somebody wants to see them.
  function unfold(panel) {
    if (!panel || !("paThin" in panel.dataset)) return;
    const number = panel.id.replace("pa-text-", "");
    const kept = [...panel.querySelectorAll("input[type=hidden]")];
    const drawn = document.createElement("template");
    drawn.innerHTML = document.getElementById("pa-translation").innerHTML.replaceAll("__prefix__", number);
    const whole = drawn.content.querySelector(".pa-translation");
    whole.hidden = panel.hidden;
    whole.prepend(...panel.querySelectorAll(".errors"));
    panel.replaceWith(whole);
    const isOfPlatform = ({ name }) => /^translations-\d+-[a-z]+-/.test(name) && !whole.querySelector(`[name="${name}"]`);
    const fold = whole.querySelector("[data-pa-platforms]");
    if (kept.some(isOfPlatform)) {
      drawPlatforms(fold);
      fold.open = true;
    }
    kept.forEach((field) => {
      const box = whole.querySelector(`[name="${field.name}"]`);
      if (box) box.value = field.value;
      else whole.append(field);
    });
    dress(document.getElementById(whole.getAttribute("aria-labelledby")));
  }

  // Fields that are to be filled in again, or gone to, by their names.
  function drawNamed(names) {
    names.filter((name) => /^translations-\d+-/.test(name) && !root().querySelector(`[name="${name}"]:not([type=hidden])`))
      .forEach((name) => unfold(document.getElementById(`pa-text-${name.split("-")[1]}`)));
    const isDrawn = (name) => root().querySelector(`[data-pa-said] [name="${name}"]`);
    const numbers = names.filter((name) => !isDrawn(name)).map((name) => /^translations-(\d+)-[a-z]+-/.exec(name)?.[1]);
    new Set(numbers.filter(Boolean)).forEach((number) => {
      const fold = root().querySelector(`[data-pa-platforms="${number}"]`);
      if (!fold) return;
      drawPlatforms(fold);
      fold.open = true;
    });
  }

  // What was kept in the window has languages of its own, by numbers that may be others' here.
  function drawAnew(fields) {
    const isChosen = tabs().slice(1).some((tab) => tab.getAttribute("aria-selected") === "true");
    tabs().slice(1).forEach((tab) => {
      panelOf(tab).remove();
      tab.remove();
    });
    const left = fields.find(([name]) => name === "translations-left");
    document.getElementById("pa-languages-left").value = left?.[1] ?? "[]";
    fields.forEach(([name, tag]) => {
      const number = /^translations-(\d+)-language$/.exec(name)?.[1];
      if (number) make(tag, number);
    });
    document.dispatchEvent(new CustomEvent("pa:left"));
    if (isChosen) document.getElementById("pa-lang-common").click();
  }

  function remove(panel) {
    const tab = document.getElementById(panel.getAttribute("aria-labelledby"));
    tab.remove();
    panel.remove();
    choose(document.getElementById("pa-lang-common"));
  }

  function copyDefault(panel) {
    const texts = ["title", "body"].map((name) => [panel.querySelector(`[name$=-${name}]`), document.getElementById(`id_${name}`)]);
    const single = listSaid(panel).map(([, box]) => [box, baseOf(box)]);
    [...texts, ...single].filter(([, base]) => base?.matches("input:not([type=hidden]), textarea")).forEach(([box, base]) => {
      box.value = base.value;
      box.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  // How many recipients get each text, by the last check.
  function count() {
    const told = document.getElementById("pa-texts");
    const counts = told ? JSON.parse(told.textContent) : {};
    root()?.querySelectorAll("[data-pa-reach]").forEach((place) => {
      const found = counts[place.dataset.paReach];
      place.textContent = found === undefined ? "" : found.toLocaleString("en");
    });
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-pa-add-translation]")) add();
    if (at("[data-pa-remove]")) remove(at(".pa-translation"));
    if (at("[data-pa-copy-default]")) copyDefault(at(".pa-translation"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "pa-language-new") return;
    event.preventDefault();
    add();
  });
  document.addEventListener("input", (event) => {
    const panel = event.target.closest?.(".pa-translation");
    if (panel && event.target.name?.endsWith("-language")) dress(document.getElementById(panel.getAttribute("aria-labelledby")));
    if (event.target.dataset?.paPath) root().querySelectorAll(".pa-translation").forEach(showSaid);
  });
  document.addEventListener("pa:drawn", () => {
    tabs().forEach(dress);
    count();
  });
  document.addEventListener("pa:rows", (event) => drawAnew(event.detail));
  document.addEventListener("pa:loaded", (event) => {
    unfold(event.detail);
    count();
  });
  document.addEventListener("pa:chosen", (event) => {
    if (event.detail.closest("#pa-languages")) unfold(panelOf(event.detail));
  });
  document.addEventListener("pa:names", (event) => drawNamed(event.detail));
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches?.("[data-pa-platforms]")) drawPlatforms(event.target);
  }, true);
  document.addEventListener("pa:restored", () => tabs().forEach(dress));
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "pa-check") count();
  });
})();
