// A file of nets is read into the field; while a look is worked out, the page says so.
"use strict";
(() => {
  const form = document.querySelector("form[data-nets]");
  if (!form) return;
  const upload = form.querySelector("[data-upload]");
  const file = upload.querySelector("input");
  upload.hidden = false;
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    form.elements.toml.value = await file.files[0].text();
    form.elements.name.value = file.files[0].name.replace(/\.toml$/, "");
    form.elements.toml.focus();
  });
  form.addEventListener("submit", () => { form.querySelector("[data-working]").hidden = false; });
})();
