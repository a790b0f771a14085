// The difference while words are edited or wordings are chosen: what the server makes of the form, without leaving the page.
const PAUSE = 300; // milliseconds without a key
const preview = document.querySelector("#preview");

for (const form of document.querySelectorAll("form[data-wording]")) {
  let waiting = 0;
  let latest = 0;
  const show = async () => {
    const mine = ++latest;
    const data = new FormData(form);
    data.set("do", "preview");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data) });
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#preview");
      if (made && mine === latest) preview.replaceChildren(...made.childNodes);
    } catch { /* without the server the button says so */ }
  };
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, (event) => {
      if (kind === "input" && event.target.type === "radio") return; // it changes, too
      clearTimeout(waiting);
      waiting = setTimeout(show, PAUSE);
    });
  }
}
