"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const details = JSON.parse(byId("details-data").textContent);
  const maps = JSON.parse(byId("maps-data").textContent);
  const panel = byId("image");
  const body = document.querySelector("#images tbody");
  const rows = [...(body?.rows ?? []), ...(byId("further-images")?.content.querySelectorAll("tr") ?? [])];

  // Details are compressed text that the report's own templates made: every value in them is escaped.
  async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (each) => each.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  }

  let wanted = "";
  async function show(anchor) {
    const packed = details[anchor];
    if (packed === undefined || !panel) return;
    wanted = anchor;
    let html;
    try {
      html = await unpack(packed);
    } catch {
      html = "<p>This browser cannot unpack the details. The file report.json has them.</p>";
    }
    if (wanted !== anchor) return;
    panel.innerHTML = html;
    drawMap(anchor);
    for (const row of rows) row.toggleAttribute("data-open", row.dataset.anchor === anchor);
    panel.scrollIntoView({ block: "start" });
    panel.focus({ preventScroll: true });
  }

  // The map of the files takes its words about layers from the strips of layers, which the report's templates made.
  async function drawMap(anchor) {
    const place = panel?.querySelector(".contents");
    const strips = panel?.querySelector(".timeline");
    if (!place || !strips || maps[anchor] === undefined) return;
    const segments = [...strips.querySelectorAll("rect")];
    const of = (side, layer) => segments.find((each) => each.dataset.side === side && each.dataset.layer === String(layer));
    const title = (segment) => segment?.querySelector("title").textContent;
    try {
      const columns = JSON.parse(await unpack(maps[anchor]));
      if (!place.isConnected) return;
      fileMap.draw(place, columns, {
        sides: strips.dataset.sides.split(" "),
        all: segments.map((each) => ({ ...each.dataset, title: `${each.dataset.side}, ${title(each)}` })),
        title: (side, layer) => title(of(side, layer)) ?? `layer ${layer}`,
        isBaseImage: (side, layer) => of(side, layer)?.dataset.baseImage !== undefined,
        onSelect: (action) => strips.addEventListener("click", (event) => {
          const segment = event.target.closest("rect");
          if (segment) action(segment.dataset.side, segment.dataset.layer);
        }),
      });
    } catch {
      place.replaceChildren("The map of the files cannot be drawn in this browser.");
      place.hidden = false;
    }
  }

  function fromAddress() {
    const anchor = decodeURIComponent(location.hash.slice(1));
    if (anchor in details) show(anchor);
  }
  addEventListener("hashchange", fromAddress);
  fromAddress();
  if (!wanted && panel?.firstElementChild) drawMap("image-0");

  // "Show all": the rest of a list stays in a template until it is asked for.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.more");
    if (!button) return;
    const rest = button.previousElementSibling;
    const list = button.parentElement.querySelector("tbody, .list");
    if (rest instanceof HTMLTemplateElement && list) list.append(rest.content);
    rest?.remove();
    button.remove();
  });

  // A page of rows is in the document; the others wait for the filter, the order and the button.
  const filter = byId("filter");
  const shown = byId("shown");
  const further = byId("show-images");
  const pageRows = body?.rows.length ?? 0;
  let maximum = pageRows;
  function list() {
    const words = (filter?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((row) => words.every((word) => row.dataset.text.includes(word)));
    body.replaceChildren(...found.slice(0, maximum));
    if (shown) shown.textContent = `${found.length} of ${rows.length} images`;
    if (!further) return;
    further.hidden = found.length <= maximum;
    further.textContent = `Show more images: ${found.length - maximum} left`;
  }
  filter?.addEventListener("input", () => { maximum = pageRows; list(); });
  further?.addEventListener("click", () => { maximum += pageRows; list(); });

  for (const [column, head] of [...document.querySelectorAll("#images th")].entries()) {
    head.querySelector("button")?.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of document.querySelectorAll("#images th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const compare = (one, two) => {
        const [a, b] = [value(one), value(two)];
        const order = a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
        return down ? -order : order;
      };
      rows.sort(compare);
      list();
    });
  }
})();
