// Asks the server for the scripts of a page, and says in words why no answer came that can be used:
// nobody is signed in any more, the server is away, or it refuses. Whoever has signed in in another
// tab goes on here: calls and forms take the token that the browser has now.
window.paAnswers = (() => {
  "use strict";

  const note = () => document.getElementById("pa-unanswered");
  const isSignIn = (address) => URL.canParse(address) && new URL(address).pathname.endsWith("/login/");
  const findToken = () => /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1];

  // Signing in makes a new one; the form has that of the page as it was drawn.
  const token = (form) => findToken() ?? form.elements.csrfmiddlewaretoken.value;

  // Why an answer of this status from this address cannot be used, else "". 0: none came.
  function explain(status, address) {
    const words = note().dataset;
    // A browser without its cookies is refused before anybody asks who it is.
    if (isSignIn(address) || (status === 403 && !findToken())) return words.paSignedOut;
    if (!status) return words.paAway;
    if (status < 400) return "";
    const known = words[`pa-${status}`] ?? (status < 500 ? words.paRefused : words.paFailed);
    return known.replace("%status%", String(status));
  }

  // The answer; throws an Error with words for people where there is none to use.
  async function ask(address, options) {
    const answer = await fetch(address, options).catch(() => null);
    const words = explain(answer?.status ?? 0, answer?.url ?? "");
    if (words) throw new Error((await readRefusal(answer)) || words);
    return answer;
  }

  // What a refusal says by itself.
  async function readRefusal(answer) {
    const isJson = answer?.headers.get("Content-Type")?.includes("json");
    return isJson ? (await answer.json()).message : "";
  }

  // Said for the whole page, of a piece of it or of a call of a script; "" takes it back.
  let told = null;
  function tell(words, piece = null) {
    if (!note()) return;
    told = piece;
    note().hidden = !words;
    note().querySelector("p").textContent = words;
    const beside = document.getElementById("pa-live-problem");
    if (beside) beside.hidden = !words;
  }

  // Pieces that htmx fetches -----------------------------------------------------------------
  function tellOfPiece({ detail }) {
    tell(explain(detail.xhr.status, detail.xhr.responseURL), detail.target.id);
  }

  // In the place of a piece nobody wants the page to sign in. Where typed text is kept as it is
  // typed, the script that keeps it says what to do.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!note() || !isSignIn(event.detail.xhr.responseURL)) return;
    event.detail.shouldSwap = false;
    if (!document.querySelector("[data-pa-signed-out]:not(#pa-unanswered)")) tellOfPiece(event);
  });
  ["htmx:responseError", "htmx:sendError"].forEach((kind) => document.addEventListener(kind, (event) => {
    if (note()) tellOfPiece(event);
  }));
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === told) tell("");
  });

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.parameters.csrfmiddlewaretoken && findToken()) detail.parameters.csrfmiddlewaretoken = findToken();
  });
  document.addEventListener("submit", ({ target }) => {
    const field = target.elements.namedItem("csrfmiddlewaretoken");
    if (field && findToken()) field.value = findToken();
  }, true);

  return { ask, explain, tell, token };
})();
