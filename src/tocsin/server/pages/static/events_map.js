// A map from the rows of the table: the table says the same in words, so the drawing is hidden from screen readers.
const svg = document.querySelector("svg[data-world]");
const { d3, topojson } = window;
const DOT = 5; // radius
const TINY = 9; // a country narrower than this is shown by a dot as well
// Places that the drawing has no outline of: longitude and latitude.
const POINTS = {
  BQ: [-68.3, 12.2], BV: [3.4, -54.4], CC: [96.8, -12.2], CX: [105.7, -10.5], GF: [-53, 4], GI: [-5.35, 36.14],
  GP: [-61.5, 16.2], MQ: [-61, 14.65], RE: [55.5, -21.1], SJ: [16, 78], TK: [-171.8, -9.2], TV: [179.2, -8.5],
  UM: [166.6, 19.3], YT: [45.15, -12.8],
};

if (svg && d3 && topojson) {
  const rows = [...document.querySelectorAll("tr[data-events]")].map((row) => ({
    numbers: row.dataset.country.split(" "), // a country may have had others
    code: row.dataset.code,
    events: Number(row.dataset.events),
    path: row.querySelector("a").getAttribute("href"),
    words: `${row.cells[0].textContent}: ${row.cells[1].textContent}`,
  }));
  const world = await (await fetch(svg.dataset.world)).json();
  const countries = topojson.feature(world, world.objects.countries).features;
  const projection = d3.geoNaturalEarth1().fitSize([960, 470], { type: "Sphere" });
  const path = d3.geoPath(projection);
  const most = Math.max(...rows.map((row) => row.events));
  const shade = (events) => 0.25 + 0.75 * (most > 1 ? Math.log10(events) / Math.log10(most) : 1);
  const byNumber = new Map(rows.flatMap((row) => row.numbers.map((number) => [number, row])));
  const outlined = new Map(countries.map((country) => [country.id, country]));

  d3.select(svg).append("g").selectAll("path").data(countries.filter((country) => !byNumber.has(country.id)))
    .join("path").attr("d", path);
  const links = d3.select(svg).append("g").selectAll("a").data(rows).join("a")
    .attr("href", (row) => row.path).attr("tabindex", -1);
  links.append("title").text((row) => row.words);
  links.each(function draw(row) {
    const country = row.numbers.map((number) => outlined.get(number)).find(Boolean);
    const link = d3.select(this);
    if (country) link.append("path").attr("class", "with").attr("d", path(country)).attr("fill-opacity", shade(row.events));
    const [[left, top], [right, bottom]] = country ? path.bounds(country) : [[0, 0], [0, 0]];
    const at = country ? path.centroid(country) : POINTS[row.code] && projection(POINTS[row.code]);
    if (at && Math.max(right - left, bottom - top) < TINY)
      link.append("circle").attr("class", "with").attr("cx", at[0]).attr("cy", at[1]).attr("r", DOT)
        .attr("fill-opacity", shade(row.events));
  });
  svg.removeAttribute("hidden");
}
