// The line that says what a click will do, kept up with the form.
"use strict";
(() => {
  const form = document.querySelector("form[data-preview]");
  const place = document.getElementById("consequence");
  if (!form || !place) return;
  let waiting = 0, number = 0;

  const ask = async () => {
    if (!form.querySelector("input[name=action]:checked, input[name=remove]:checked") && !form.elements.more_items?.value.trim()) {
      place.className = "consequence";
      const hint = document.createElement("p");
      hint.className = "soft";
      hint.textContent = "Choose what to do, and what it leads to is said here.";
      place.replaceChildren(hint);
      return;
    }
    const mine = ++number;
    try {
      const answer = await fetch(form.dataset.preview, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { "X-Fragment": "1" },
        credentials: "same-origin",
      });
      if (mine !== number || answer.redirected) return;
      const text = await answer.text();
      const piece = new DOMParser().parseFromString(text, "text/html").querySelector(".consequence");
      if (piece) { place.className = piece.className; place.replaceChildren(...piece.childNodes); }
    } catch { /* No network: what the nets ask is said after the click. */ }
  };
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(ask, 250); };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  for (const button of form.querySelectorAll("[data-preview-button]")) button.hidden = true;
  if (!place.dataset.said) ask();
})();
