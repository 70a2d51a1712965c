// Passkeys: the browser asks a device of its owner, and what that answers goes along with the form around the button.
const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON && window.PublicKeyCredential.parseCreationOptionsFromJSON;

async function answered(purpose) {
  const asked = await fetch(`/passkeys/options/${purpose}`, { method: "POST", headers: { Accept: "application/json" } });
  const options = await asked.json();
  if (!asked.ok) throw new Error(options.detail);
  const key = purpose === "register"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return JSON.stringify(key);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("[data-ask]"), told = form.querySelector("[data-told]");
  const { passkey: purpose, field, unknown, failed, known } = form.dataset;
  const say = (text) => { told.textContent = text; told.hidden = false; };
  form.querySelector("[data-needs]").hidden = true;
  if (!able) { say(unknown); continue; }
  button.hidden = false;
  button.addEventListener("click", async () => {
    told.hidden = button.disabled = true;
    try {
      form.elements[field].value = await answered(purpose);
      form.requestSubmit();
    } catch (error) {
      const own = error instanceof DOMException || error instanceof TypeError || error instanceof SyntaxError;
      say(error.name === "InvalidStateError" ? known : error.name === "SecurityError" ? unknown : own ? failed : error.message);
    } finally {
      button.disabled = false;
    }
  });
}
