// Passkeys are the one thing that needs a script: it passes the browser what the
// desk says, and the form what the browser answers. Without it forms stay forms.
"use strict";
for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    form.hidden = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    const problem = form.querySelector("[data-problem]");
    problem.hidden = true;
    try {
      const begun = await fetch("/passkey/begin", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ for: form.dataset.for ?? "", ticket: form.elements.ticket?.value ?? "" }),
      });
      if (!begun.ok) throw new Error(begun.status);
      const { ceremony, options } = await begun.json();
      const credential = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
      form.elements.ceremony.value = ceremony;
      form.elements.answer.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      problem.hidden = false;
      problem.setAttribute("role", "alert");
    }
  });
}
