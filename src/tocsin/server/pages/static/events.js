// Dragging over the bars sets the beginning and the end of the time that is shown; the form does the same by keyboard.
const svg = document.querySelector("svg[data-brush]");
const form = document.getElementById("filter");

function text(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

function shown(from, to) {
  form.elements.since.value = text(from);
  form.elements.until.value = text(to);
  form.elements.last.value = "";
  form.requestSubmit();
}

if (svg && form && window.d3) {
  const { d3 } = window;
  const first = Number(svg.dataset.first);
  const last = Number(svg.dataset.last);
  const { width, height } = svg.viewBox.baseVal;
  const step = last - first <= 3 * 86400 ? 3600 : 86400;
  const steps = (x) => (first + (x / width) * (last - first)) / step;
  const brush = d3.brushX().extent([[0, 0], [width, height]]).on("end", (event) => {
    if (!event.sourceEvent) return;
    if (event.selection) {
      const [from, to] = event.selection.map((x) => Math.round(steps(x)));
      const bar = Math.floor(steps(event.selection[0])); // less than one bar means that bar
      shown(...(to > from ? [from * step, to * step] : [bar * step, (bar + 1) * step]));
      return;
    }
    // A press without dragging is meant for the bar below.
    const { clientX, clientY } = event.sourceEvent.changedTouches?.[0] ?? event.sourceEvent;
    const under = document.elementsFromPoint(clientX, clientY).map((found) => found.closest("a[href]")).find(Boolean);
    if (under) window.location.assign(under.getAttribute("href"));
  });
  d3.select(svg).append("g").attr("class", "brush").call(brush);
}

// A form without its empty fields makes an address that can be read and sent on.
form?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
});
