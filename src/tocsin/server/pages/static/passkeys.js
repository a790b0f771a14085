// Makes passkeys and signs in with them (Web Authentication, level 3). A form with data-passkey="make" or "use" asks
// the server for options, the browser for a passkey, and sends the answer in its field "answer".

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const withIds = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

const ways = {
  make: async (options) => {
    const publicKey = {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: withIds(options.excludeCredentials),
    };
    const { id, type, response } = await navigator.credentials.create({ publicKey });
    return { id, rawId: id, type, response: said(response, ["clientDataJSON", "attestationObject"]) };
  },
  use: async (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: withIds(options.allowCredentials) };
    const { id, type, response } = await navigator.credentials.get({ publicKey });
    const names = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];
    return { id, rawId: id, type, response: said(response, names) };
  },
};

const said = (response, names) =>
  Object.fromEntries(names.filter((name) => response[name]).map((name) => [name, text(response[name])]));

const take = async (form) => {
  const answer = await fetch(form.dataset.options, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.statusText);
  form.elements.answer.value = JSON.stringify(await ways[form.dataset.passkey](await answer.json()));
  form.submit();
};

if (window.PublicKeyCredential) {
  for (const none of document.querySelectorAll("[data-passkey-none]")) none.hidden = true;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const failed = form.querySelector("[data-passkey-failed]");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      failed.hidden = true;
      take(form).catch(() => {
        failed.hidden = false;
      });
    });
  }
}
