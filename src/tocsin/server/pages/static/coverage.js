// The map of coverage, drawn from the table of the same page. d3 and topojson are loaded before.

// States that the shapes leave out, and where they are.
const ELSEWHERE = {
  BQ: [-68.3, 12.2], CC: [96.8, -12.2], CX: [105.6, -10.5], GF: [-53.1, 4], GI: [-5.35, 36.14], GP: [-61.5, 16.2],
  MQ: [-61, 14.6], RE: [55.5, -21.1], SJ: [16, 78.5], TK: [-171.8, -9.2], TV: [179.2, -8.5], YT: [45.1, -12.8],
};
const SMALL = 14; // square pixels; a smaller state gets a dot
const ANSWERS = { yes: "m5", no: "m0", "not computable": "mx" };

const section = document.querySelector(".map");
const rows = [...document.querySelectorAll("#figures tr")];
if (section && rows.length) draw().catch(() => section.remove());

async function draw() {
  const { d3, topojson } = window;
  const answer = await fetch(section.dataset.world);
  const world = await answer.json();
  const svg = d3.select(section.querySelector("svg"));
  const shapes = topojson.feature(world, world.objects.countries).features;
  const projection = d3.geoEqualEarth().fitSize([960, 480], { type: "Sphere" });
  const path = d3.geoPath(projection);
  const byId = new Map(rows.flatMap((row) => row.dataset.id.split(" ").map((id) => [id, row])));
  const known = shapes.map((shape) => ({ shape, row: byId.get(shape.id) }));

  svg.append("g").selectAll("path").data(known).join("path")
    .attr("d", (one) => path(one.shape)).call(follow);
  const small = known.filter((one) => one.row && path.area(one.shape) < SMALL)
    .map((one) => ({ row: one.row, at: path.centroid(one.shape) }));
  const outside = rows.filter((row) => row.dataset.code in ELSEWHERE)
    .map((row) => ({ row, at: projection(ELSEWHERE[row.dataset.code]) }));
  svg.append("g").selectAll("circle").data([...small, ...outside]).join("circle")
    .attr("cx", (one) => one.at[0]).attr("cy", (one) => one.at[1]).attr("r", 3.5).call(follow);

  const measure = section.querySelector("#measure");
  const colour = () => {
    const name = measure.value;
    svg.selectAll("path, circle").attr("class", (one) => levelOf(one.row, name))
      .select("title").text((one) => words(one, name));
    const isAnswer = rows.some((row) => row.dataset[name] in ANSWERS);
    section.querySelector(".shares")?.toggleAttribute("hidden", isAnswer);
    section.querySelector(".answers").hidden = !isAnswer;
  };
  measure.addEventListener("change", colour);
  section.hidden = false;
  colour();
}

// A shape leads to the page of its country, and says its figure.
function follow(shapes) {
  shapes.append("title");
  shapes.filter((one) => one.row).on("click", (_event, one) => one.row.querySelector("a").click());
}

function levelOf(row, name) {
  const value = row?.dataset[name];
  if (value === undefined) return "mx";
  if (value in ANSWERS) return ANSWERS[value];
  const share = Number(value);
  return share > 0 ? `m${Math.max(1, Math.ceil(share / 20))}` : "m0";
}

function words(one, name) {
  if (!one.row) return one.shape.properties.name;
  const value = one.row.dataset[name];
  const shown = value === undefined ? "–" : value in ANSWERS ? section.querySelector(`.answers .${ANSWERS[value]}`).closest("li").textContent.trim() : `${Number(value)} %`;
  return `${one.row.dataset.name}: ${shown}`;
}
