// The case page: what scripts add to forms that work without them.
"use strict";
(() => {
  for (const button of document.querySelectorAll("[data-preview-button]")) button.hidden = true;

  // What came of the last step: said to screen readers, which pass over what is there when a page opens. It stays until it is closed.
  const toast = document.getElementById("toast");
  if (toast) {
    setTimeout(() => toast.append(...toast.childNodes), 150);
    toast.addEventListener("click", (event) => {
      if (!event.target.closest("[data-close]")) return;
      event.preventDefault();
      toast.remove();
      history.replaceState(null, "", event.target.closest("a").getAttribute("href"));
    });
  }

  // A picture that does not come says why: gone, or not passed by the virus scanner. The answer to it is a page that says so.
  const untold = async (img) => {
    const place = img.closest(".media"), says = document.createElement("p");
    if (!place) return;
    says.className = "note wait small";
    says.setAttribute("role", "status");
    says.textContent = place.dataset.unread;
    place.replaceWith(says);
    try {
      const page = new DOMParser().parseFromString(await (await fetch(img.src, {headers: {Accept: "text/html"}})).text(), "text/html");
      says.textContent = page.querySelector("#main [role=alert] strong")?.textContent || says.textContent;
    } catch { /* It cannot be asked now. */ }
  };
  document.addEventListener("error", (event) => { if (event.target.matches?.(".media img")) untold(event.target); }, true);
  for (const img of document.querySelectorAll(".media img")) if (img.complete && !img.naturalWidth) untold(img);

  const policy = document.getElementById("policy");
  const meanings = document.getElementById("meanings");
  policy?.addEventListener("change", () => {
    for (const one of meanings.children) one.hidden = one.dataset.policy !== policy.value;
    const other = policy.parentElement.querySelector(".other");
    if (getComputedStyle(other).display !== "none") other.focus();
  });

  const label = document.querySelector("input[name=action][value=label]");
  const which = document.querySelector("select[name=label]");
  if (label && which) {
    label.addEventListener("change", () => { if (label.checked && !which.value) which.focus(); });
    which.addEventListener("input", () => { label.checked = Boolean(which.value); });
  }

  // Small forms that open from a button: their first field is ready, Escape closes them.
  for (const drop of document.querySelectorAll("details.drop")) {
    // At once and not on "toggle", which comes later: what is typed right after the key belongs to the field.
    drop.querySelector("summary").addEventListener("click", (event) => {
      event.preventDefault();
      drop.open = !drop.open;
      if (drop.open) drop.querySelector("select, input:not([type=hidden])")?.focus();
    });
    drop.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !drop.open) return;
      event.stopPropagation();
      drop.open = false;
      drop.querySelector("summary").focus();
    });
  }
})();
