// Forms that a passkey signs: asks the console what to sign, the browser to sign it, and sends the form with the answer.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id), transports: one.transports && one.transports.length ? one.transports : undefined }));

  const use = async (asked) => {
    const found = await navigator.credentials.get({ publicKey: { ...asked, challenge: bytes(asked.challenge), allowCredentials: named(asked.allowCredentials) } });
    const said = found.response;
    return { clientDataJSON: text(said.clientDataJSON), authenticatorData: text(said.authenticatorData), signature: text(said.signature), id: found.id, nonce: asked.nonce };
  };

  const make = async (asked) => {
    const found = await navigator.credentials.create({ publicKey: { ...asked, challenge: bytes(asked.challenge), user: { ...asked.user, id: bytes(asked.user.id) }, excludeCredentials: named(asked.excludeCredentials) } });
    const said = found.response;
    return { clientDataJSON: text(said.clientDataJSON), attestationObject: text(said.attestationObject), transports: said.getTransports ? said.getTransports() : [], id: found.id };
  };

  const sign = async (form) => {
    const says = form.querySelector("[data-says]");
    const say = (what) => { says.textContent = what ? says.dataset[what] : ""; says.hidden = !what; };
    say("");
    if (!window.PublicKeyCredential || !navigator.credentials) { say("cannot"); return; }
    const button = form.querySelector("button[data-touch]");
    button.disabled = true;
    try {
      const fields = new URLSearchParams([...new FormData(form)].filter(([name]) => ["csrf", "digest"].includes(name)));
      const answer = await fetch(form.dataset.asked, { method: "POST", body: fields, headers: { Accept: "application/json" } });
      if (!answer.ok || !(answer.headers.get("content-type") || "").startsWith("application/json")) { say("failed"); return; }
      const { id, nonce, ...response } = await (form.dataset.passkey === "make" ? make : use)(await answer.json());
      const { transports, ...plain } = response;
      form.elements.namedItem(form.dataset.field).value = JSON.stringify({ id, rawId: id, type: "public-key", nonce, response: transports ? { ...plain, transports } : plain });
      form.submit();
    } catch (error) {
      const why = { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "known", SecurityError: "cannot", NotSupportedError: "cannot" };
      say(why[error.name] || "failed");
    } finally {
      button.disabled = false;
    }
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); sign(form); });
  }
})();
