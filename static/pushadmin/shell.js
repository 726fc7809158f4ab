// Repairs of the shell that its own markup leaves out: a main landmark, a skip link, and keyboard
// access to controls that are only clickable. Loaded on the staff pages as well.
(() => {
  "use strict";

  const CLICKABLE = "#nav-sidebar h2[x-on\\:click], #nav-sidebar [x-on\\:click], #header-inner [x-on\\:click], a[x-on\\:click]:not([href]), [aria-haspopup]";

  function makeReachable(node) {
    if (node.matches("a[href], button, input, select, textarea, summary, [tabindex]")) return;
    if (node.querySelector("a[href], button, input, select, textarea")) return;
    node.tabIndex = 0;
    node.setAttribute("role", "button");
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      node.click();
    });
  }

  function nameIcons(root) {
    // Its icon tells which theme is on, not what the control does.
    root.querySelectorAll("[x-on\\:click*=openTheme]:has([x-text])").forEach((control) => {
      control.setAttribute("aria-label", "Light or dark");
    });
    // Icons are ligatures, that is words; a control whose only content is one keeps it as a name.
    root.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach((icon) => {
      if (icon.getAttribute("role") === "button") {
        icon.setAttribute("aria-label", icon.title || icon.textContent.trim().replaceAll("_", " "));
        return;
      }
      const control = icon.closest("a, button, [role=button]");
      const words = icon.textContent.trim().replaceAll("_", " ");
      if (control && control.textContent.trim() === icon.textContent.trim() && !control.title && !control.getAttribute("aria-label")) {
        control.setAttribute("aria-label", words);
      }
      icon.setAttribute("aria-hidden", "true");
    });
  }

  function addLandmarks() {
    // The page to sign in has nothing to skip and no element of that name.
    document.querySelector("body.login #page")?.setAttribute("role", "main");
    const main = document.getElementById("main");
    if (!main) return;
    main.setAttribute("role", "main");
    const link = document.createElement("a");
    link.href = "#content";
    link.className = "pa-skip";
    link.textContent = document.body.dataset.paSkip || "Skip to content";
    document.getElementById("content")?.setAttribute("tabindex", "-1");
    document.body.prepend(link);
  }

  function labelSelect2() {
    new MutationObserver(() => {
      document.querySelectorAll(".select2-search__field:not([aria-label])").forEach((box) => {
        const field = box.closest(".select2-container")?.previousElementSibling;
        box.setAttribute("aria-label", field?.labels?.[0]?.textContent.trim() || "Search");
      });
    }).observe(document.body, { childList: true, subtree: true });
  }

  // What the shell lays over the page takes the focus as it opens, closes with Escape and gives the
  // focus back.
  function layOver(layer, first, isOpen, close) {
    let wasOpen = false;
    let before = null;
    new MutationObserver(() => {
      if (isOpen() === wasOpen) return;
      wasOpen = !wasOpen;
      const focused = document.activeElement;
      if (wasOpen) {
        before = focused;
        first().focus();
      } else if (focused === document.body || layer.contains(focused)) {
        before?.focus();
      }
    }).observe(layer, { attributes: true, attributeFilter: ["class", "style"] });
    layer.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && isOpen()) close();
    });
  }

  function layOverMenu(place) {
    const menu = place.querySelector("nav");
    const opener = place.querySelector("[x-on\\:click*=openUserLinks]");
    layOver(menu, () => menu.querySelector("a"), () => menu.checkVisibility(), () => opener.click());
  }

  function layOverSidebar(sidebar) {
    const closer = sidebar.querySelector("[x-on\\:click*=sidebarMobileOpen]");
    const isOpen = () => sidebar.classList.contains("block!");
    layOver(sidebar, () => sidebar.querySelector("a, [tabindex]"), isOpen, () => closer.click());
  }

  function layOverSearch(layer) {
    const box = layer.querySelector("input");
    layer.querySelector("#command-submit").tabIndex = -1;
    layOver(layer, () => box, () => layer.checkVisibility(), () => {
      if (document.activeElement === box) return; // which closes it by itself
      box.value = "";
      box.focus();
      box.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    });
    layer.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !layer.contains(relatedTarget) && layer.checkVisibility()) box.focus();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    addLandmarks();
    document.querySelectorAll(CLICKABLE).forEach(makeReachable);
    nameIcons(document);
    labelSelect2();
    document.querySelectorAll("[x-data*=openUserLinks]").forEach(layOverMenu);
    document.querySelectorAll("[x-bind\\:class*=sidebarMobileOpen]").forEach(layOverSidebar);
    document.querySelectorAll("[x-data='searchCommand()']").forEach(layOverSearch);
  });
})();
