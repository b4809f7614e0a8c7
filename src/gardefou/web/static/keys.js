// One-key access to whatever on the page carries data-key, and a sheet of these keys on "?".
"use strict";
(() => {
  const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName) && !/^(checkbox|radio|submit|button)$/.test(node.type || ""));
  const sheet = document.getElementById("keys");

  const keyed = () => [...document.querySelectorAll("[data-key]")].filter((node) => node.getClientRects().length);

  const openSheet = () => {
    if (!sheet) return;
    const list = sheet.querySelector("dl");
    list.replaceChildren();
    const add = (key, says) => {
      const term = document.createElement("dt");
      const box = document.createElement("kbd");
      box.textContent = key;
      term.append(box);
      const meaning = document.createElement("dd");
      meaning.textContent = says;
      list.append(term, meaning);
    };
    for (const node of keyed()) add(node.dataset.key, node.dataset.says || node.textContent.trim());
    add("?", sheet.dataset.sheet);
    add("Esc", sheet.dataset.leave);
    sheet.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && typing(document.activeElement)) { document.activeElement.blur(); return; }
    if (typing(event.target) || (sheet && sheet.open) || event.repeat) return;
    if (event.key === "?") { event.preventDefault(); openSheet(); return; }
    const found = keyed().find((node) => node.dataset.key === event.key);
    if (!found || found.disabled) return;
    event.preventDefault();
    // While a form is on its way, impatience sends no other one about the same.
    if (found.type === "submit" && document.querySelector("form[data-sent]")) return;
    if (typing(found)) found.focus(); else found.click();
  });

  for (const button of document.querySelectorAll("[data-open-keys]")) {
    button.hidden = false;
    button.addEventListener("click", openSheet);
  }

  // A second click on the same button sends nothing twice, and the button says that it is on its way.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    setTimeout(() => { delete event.target.dataset.sent; }, 10000);
  });
  window.addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });
})();
