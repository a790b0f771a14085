// Links that put a page in the place of this one, so that going back does not lead to it; and the way out of a page
// that others should not see, by its button or by Escape three times. Without scripts all of them are plain links.
const way = document.querySelector("a[data-exit]");
let pressed = [];

function go(address) {
  if (address === way?.href) {
    document.title = "";
    document.body.replaceChildren(); // nothing stays in sight until the other page is there
  }
  location.replace(address);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || !/^https?:$/.test(link.protocol) || !(way || "replace" in link.dataset)) return;
  event.preventDefault();
  go(link.href);
});

if (way) {
  document.addEventListener("keydown", (event) => {
    if (event.repeat) return;
    pressed = event.key === "Escape" ? [...pressed.filter((at) => event.timeStamp - at < 5000), event.timeStamp] : [];
    if (pressed.length < 3) return;
    event.preventDefault(); // else the key stops the page that is being opened
    go(way.href);
  });
}
