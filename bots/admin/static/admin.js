// What every page of the dashboard needs: moments in the reader's time, the menu, questions
// before what can't be undone, and a word when a live page has lost its connection.

const shown = document.body.dataset.language || "en";
// "en-GB" where the page is in English and the reader's browser is British.
const language = navigator.languages.find((one) => one.startsWith(shown)) ?? shown;
const short = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
const long = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });

function showMoments(root) {
  for (const time of root.querySelectorAll("time[data-moment]")) {
    const at = new Date(time.dateTime);
    time.textContent = short.format(at);
    time.title = long.format(at);
    time.removeAttribute("data-moment");
  }
}

showMoments(document);
document.addEventListener("htmx:load", (event) => showMoments(event.detail.elt.parentElement ?? document));

const menu = document.querySelector("[data-menu]");
menu?.addEventListener("click", () => {
  const open = menu.getAttribute("aria-expanded") !== "true";
  menu.setAttribute("aria-expanded", String(open));
  document.getElementById("navigation").classList.toggle("open", open);
});

// The browser's own question: it can't be styled, and can't be missed or covered.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset?.ask;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    event.stopPropagation();
  }
}, true);

document.addEventListener("htmx:sseMessage", (event) => {
  if (event.detail.type !== "signed-out") return;
  for (const word of document.querySelectorAll("[data-signed-out]")) word.hidden = false;
});
for (const [happened, lost] of [["htmx:sseError", true], ["htmx:sseOpen", false]]) {
  document.addEventListener(happened, () => {
    for (const word of document.querySelectorAll("[data-lost]")) word.hidden = !lost;
  });
}
