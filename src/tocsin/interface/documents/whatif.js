// Change answers and see the score and its bounds move. The same arithmetic as tocsin.readiness.assessment.scoring.
"use strict";
(() => {
  const box = document.querySelector(".whatif.live");
  const data = JSON.parse(document.getElementById("whatif-data").textContent);
  const chosen = new Map();

  const mean = (parts) => {
    const total = parts.reduce((sum, part) => sum + part.weight, 0);
    const low = parts.reduce((sum, part) => sum + (part.weight / total) * part.low, 0);
    const high = parts.reduce((sum, part) => sum + (part.weight / total) * part.high, 0);
    const known = parts.filter((part) => part.point !== null);
    const weight = known.reduce((sum, part) => sum + part.weight, 0);
    const point = weight ? known.reduce((sum, part) => sum + part.weight * part.point, 0) / weight : null;
    return { low, high, point: point === null ? null : Math.min(Math.max(point, low), high) };
  };
  const score = () => mean(data.pillars.map((pillar) => ({
    weight: pillar.weight,
    ...mean(pillar.indicators.map((indicator) => ({
      weight: indicator.weight,
      ...mean(indicator.questions.map((question) => {
        const value = chosen.has(question.id) ? chosen.get(question.id) : question.value;
        return value === null
          ? { weight: question.weight, low: 0, point: null, high: 1 }
          : { weight: question.weight, low: value, point: value, high: value };
      })),
    }))),
  })));
  const words = (held) => (held.point === null ? "unknown" : (100 * held.point).toFixed(1));
  const range = (held) => `${(100 * held.low).toFixed(1)} to ${(100 * held.high).toFixed(1)}`;
  const ranks = (held) => {
    if (!data.others.length) return "";
    const best = 1 + data.others.filter((other) => other.low > held.high).length;
    const worst = 1 + data.others.length - data.others.filter((other) => other.high < held.low).length;
    const place = best === worst ? best : `${best} to ${worst}`;
    return `· rank ${place} of ${data.others.length + 1} that agreed to be ranked`;
  };
  const draw = () => {
    const held = score();
    const first = data.start;
    box.querySelector("[data-score]").textContent = words(held);
    box.querySelector("[data-range]").textContent = `may be ${range(held)}`;
    box.querySelector("[data-rank]").textContent = ranks(held);
    const change = held.point !== null && first.point !== null ? 100 * (held.point - first.point) : null;
    box.querySelector("[data-change]").textContent =
      change === null || !chosen.size ? "" : `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} points`;
    const at = (value) => `${100 * value}%`;
    const set = (name, values) => Object.entries(values).forEach(([key, value]) =>
      box.querySelector(name).setAttribute(key, value));
    set(".now-band", { x: at(held.low), width: at(Math.max(0.002, held.high - held.low)) });
    set(".now-point", { cx: at(held.point ?? 0), visibility: held.point === null ? "hidden" : "visible" });
  };

  const list = box.querySelector("[data-list]");
  for (const pillar of data.pillars) {
    const head = document.createElement("h3");
    head.textContent = pillar.title;
    list.append(head);
    for (const question of pillar.indicators.flatMap((indicator) => indicator.questions)) {
      const label = document.createElement("label");
      const text = document.createElement("span");
      text.textContent = question.text;
      const select = document.createElement("select");
      select.add(new Option("Unknown", "", question.value === null, question.value === null));
      question.levels.forEach((level) => {
        const held = level.value === question.value;
        select.add(new Option(level.label, String(level.value), held, held));
      });
      select.addEventListener("change", () => {
        const value = select.value === "" ? null : Number(select.value);
        if (value === question.value) chosen.delete(question.id);
        else chosen.set(question.id, value);
        label.classList.toggle("changed", chosen.has(question.id));
        draw();
      });
      label.append(text, select);
      list.append(label);
    }
  }
  box.querySelector("button").addEventListener("click", () => {
    chosen.clear();
    list.querySelectorAll("label").forEach((label) => label.classList.remove("changed"));
    list.querySelectorAll("select").forEach((select) => {
      select.selectedIndex = [...select.options].findIndex((option) => option.defaultSelected);
    });
    draw();
  });
  draw();
  box.hidden = false;
})();
