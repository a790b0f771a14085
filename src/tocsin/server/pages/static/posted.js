// A page that answers a form takes the place of its address in the history: going back to it or loading it again sends
// nothing a second time, and finds what was typed, where the page is for people who are signed in.
const root = document.documentElement;
const FIELDS = "main form[method=post] :is(input:not([type=hidden], [type=password], [type=file]), select, textarea)[name]";
const ticked = (field) => field.type === "checkbox" || field.type === "radio";

const fields = () => {
  const seen = new Map();
  return [...document.querySelectorAll(FIELDS)].map((field) => {
    const name = ticked(field) ? `${field.name}=${field.value}` : field.name;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    return [`${name} ${seen.get(name)}`, field];
  });
};

if (root.dataset.posted) {
  const typed = "keep" in root.dataset ? fields().map(([name, field]) => [name, ticked(field) ? field.checked : field.value]) : [];
  history.replaceState({ typed }, "", root.dataset.posted);
} else if (history.state?.typed) {
  const typed = new Map(history.state.typed);
  for (const [name, field] of fields()) if (typed.has(name)) field[ticked(field) ? "checked" : "value"] = typed.get(name);
}
