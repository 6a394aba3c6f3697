"use strict";
// The map of an image's files: folders in folders, base beside head, drawn when an image is opened.
// `src/weighbridge/domain/image/file_map.py` says what the columns hold. Names are hostile: they are only set as text.
const fileMap = (() => {
  const MAXIMUM_TILES = 300;
  const MAXIMUM_SIBLINGS = 60;
  const MAXIMUM_RESULTS = 8;
  const LEAST_TILE = 30;
  const LEAST_FOLDER = 1800;
  const HEADER = 17;
  const KINDS = {
    added: ["+", "only in head"], removed: ["−", "only in base"], grown: ["▲", "grown"], shrunk: ["▼", "shrunk"],
    changed: ["±", "same size, other content"], hidden: ["✗", "wasted: hidden copies"],
    own: ["", "own layer"], "base-image": ["", "base image"],
  };

  const visible = (text) =>
    text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

  function bytes(size) {
    let value = Math.abs(size);
    if (value < 1000) return `${value}\u00a0B`;
    for (const unit of ["kB", "MB", "GB", "TB"]) {
      value /= 1000;
      if (value < 999.95 || unit === "TB") return `${value.toFixed(1)}\u00a0${unit}`;
    }
  }
  const signed = (size) => (size > 0 ? "+" : size < 0 ? "−" : "±") + bytes(size);
  const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  // Columns by node. The root is node 0; a parent has a lower number than its children.
  function read(columns) {
    const names = ["", ...(columns.depths.length ? columns.names.split("/") : [])];
    const size = names.length;
    const parents = new Int32Array(size).fill(-1);
    const isFolder = new Uint8Array(size);
    const data = { names, size, parents, isFolder, layers: new Int32Array(size).fill(-1), packages: new Int32Array(size).fill(-1) };
    for (const column of ["head", "base", "headHidden", "baseHidden", "differs", "files"]) data[column] = new Float64Array(size);
    const open = [0];
    isFolder[0] = 1;
    for (let node = 1; node < size; node++) {
      const depth = columns.depths[node - 1];
      parents[node] = open[depth - 1];
      if (columns.head[node - 1] < 0) {
        isFolder[node] = 1;
        open[depth] = node;
        continue;
      }
      data.head[node] = data.base[node] = columns.head[node - 1];
      data.layers[node] = columns.layers[node - 1];
      data.packages[node] = columns.packages[node - 1];
      data.files[node] = 1;
    }
    for (const column of ["base", "headHidden", "baseHidden", "differs", "files"]) {
      const pairs = columns[column];
      for (let at = 0; at < pairs.length; at += 2) data[column][pairs[at]] += pairs[at + 1];
    }
    data.groups = new Float64Array(size);
    for (let node = 1; node < size; node++) data.groups[node] = isFolder[node] ? 0 : data.files[node];
    data.children = Array.from({ length: size }, () => null);
    const largest = new Float64Array(size);
    for (let node = size - 1; node > 0; node--) {
      const parent = parents[node];
      // A folder has the layer of its largest file: it decides the colour of a closed folder.
      if (!isFolder[node]) largest[node] = data.head[node] || data.base[node];
      if (largest[node] > largest[parent]) [largest[parent], data.layers[parent]] = [largest[node], data.layers[node]];
      (data.children[parent] ??= []).push(node);
      for (const column of ["head", "base", "headHidden", "baseHidden", "files"]) data[column][parent] += data[column][node];
      if (data.differs[node]) data.differs[parent] = 1;
    }
    data.packageNames = columns.packageNames;
    return data;
  }

  function draw(place, columns, layers) {
    const data = read(columns);
    const sides = layers.sides;
    const compared = sides.length === 2;
    const area = (side, node) => data[side][node] + data[`${side}Hidden`][node];
    const largestArea = (node) => Math.max(...sides.map((side) => area(side, node)));
    let zoom = 0;
    let skipped = 0;
    let marks = null;
    let serial = 0;

    const make = (tag, attributes = {}, ...children) => {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      element.append(...children);
      return element;
    };
    const button = (text, action) => {
      const element = make("button", { type: "button" }, text);
      element.addEventListener("click", action);
      return element;
    };

    // `usr/share/doc` for folders that hold nothing else.
    function chain(top, node) {
      const names = [];
      for (let each = node; each !== data.parents[top]; each = data.parents[each]) names.unshift(label(each));
      return names.join("/");
    }

    const label = (node) => (data.groups[node] > 1 ? `${counted(data.groups[node], "small file")}` : visible(data.names[node]));
    function path(node) {
      const parts = [];
      for (let each = node; each > 0; each = data.parents[each]) parts.unshift(data.groups[each] > 1 ? label(each) : data.names[each]);
      return visible("/" + parts.join("/"));
    }

    function kind(node) {
      const [head, base] = [data.head[node], data.base[node]];
      if (compared && data.isFolder[node] && head && base) {
        // Most folders differ a little: a closed one has the colour of a change above one percent.
        if (Math.abs(head - base) > 0.01 * Math.max(head, base)) return head > base ? "grown" : "shrunk";
      } else if (compared) {
        if (!head && base) return "removed";
        if (head && !base) return "added";
        if (head > base) return "grown";
        if (head < base) return "shrunk";
        if (data.differs[node]) return "changed";
      }
      if (data.headHidden[node] > data.head[node] || (!head && !base)) return "hidden";
      return layers.isBaseImage(base && !head ? "base" : sides.at(-1), data.layers[node]) ? "base-image" : "own";
    }

    function facts(node) {
      const said = [];
      if (compared) {
        const delta = data.head[node] - data.base[node];
        said.push(`${bytes(data.base[node])} → ${bytes(data.head[node])}${delta ? ` (${signed(delta)})` : ""}`);
      } else said.push(bytes(data[sides[0]][node]));
      for (const side of sides) {
        const hidden = data[`${side}Hidden`][node];
        if (hidden) said.push(`${bytes(hidden)} wasted in hidden copies${compared ? ` of ${side}` : ""}`);
      }
      if (data.isFolder[node] || data.files[node] > 1) said.push(counted(data.files[node], "file"));
      const one = kind(node);
      if (one !== "own" && !data.isFolder[node]) said.push(KINDS[one][1]);
      if (!data.isFolder[node] && data.layers[node] >= 0) {
        const side = compared && !data.head[node] && data.base[node] ? "base" : sides.at(-1);
        said.push(layers.title(side, data.layers[node]));
      }
      if (data.packages[node] >= 0) said.push(`package ${visible(data.packageNames[data.packages[node]] ?? "")}`);
      return said;
    }

    // --- layout: the largest folders are opened first, until there are enough tiles ------------------------------

    const orders = new Map();
    function sorted(folder) {
      let order = orders.get(folder);
      if (!order) {
        order = (data.children[folder] ?? []).filter((node) => largestArea(node) > 0);
        order.sort((one, other) => largestArea(other) - largestArea(one));
        orders.set(folder, order);
      }
      return order;
    }

    function items(side, width, height) {
      const below = sorted(zoom).slice(skipped);
      const root = { node: zoom, value: below.reduce((sum, node) => sum + area(side, node), 0) };
      const scale = (width * height) / root.value;
      const queue = [root];
      let count = 0;
      while (queue.length && count < MAXIMUM_TILES) {
        queue.sort((one, other) => other.value - one.value);
        const item = queue.shift();
        // Folders that hold one folder and nothing else are one tile.
        let inside = item === root ? below : sorted(item.node);
        while (item !== root && inside.length === 1 && data.isFolder[inside[0]]) inside = sorted((item.node = inside[0]));
        const maximum = item === root ? MAXIMUM_TILES / 2 : MAXIMUM_SIBLINGS;
        let end = 0;
        while (end < Math.min(maximum, inside.length) && (!end || largestArea(inside[end]) * scale >= LEAST_TILE)) end++;
        item.children = inside.slice(0, end).map((node) => ({ node, top: node, value: area(side, node) })).filter((each) => each.value);
        const rest = inside.slice(end).reduce((sum, node) => sum + area(side, node), 0);
        if (rest) {
          const skip = (item === root ? skipped : 0) + end;
          item.children.push({ node: -1, parent: item.node, rest: inside.length - end, skip, value: rest });
        }
        count += item.children.length;
        for (const child of item.children) {
          if (child.node > 0 && data.isFolder[child.node] && child.value * scale >= LEAST_FOLDER) queue.push(child);
        }
      }
      return root;
    }

    function tiles(side, width, height) {
      const root = d3.hierarchy(items(side, width, height)).sum((item) => (item.children ? 0 : item.value));
      root.sort((one, other) => other.value - one.value);
      d3.treemap().size([width, height]).paddingOuter(2).paddingInner(1).round(true)
        .paddingTop((each) => (each.depth && each.children ? HEADER : 2))(root);
      return root.descendants().slice(1).filter((each) => each.x1 - each.x0 >= 1 && each.y1 - each.y0 >= 1);
    }

    function tile(side, each) {
      const item = each.data;
      const [width, height] = [each.x1 - each.x0, each.y1 - each.y0];
      const isRest = item.node < 0;
      const node = isRest ? item.parent : item.node;
      const name = isRest ? `${item.rest.toLocaleString("en")} more` : chain(item.top, node);
      const isOpen = !isRest && Boolean(each.children);
      const mark = isRest || isOpen ? "" : KINDS[kind(node)][0];
      const element = make("div", { role: "option", id: `tile-${++serial}`, class: `tile ${isRest ? "rest" : isOpen ? "folder" : kind(node)}` });
      element.style.cssText = `left:${each.x0}px;top:${each.y0}px;width:${width}px;height:${height}px`;
      const size = bytes(isRest ? item.value : area(side, node));
      const folder = !isRest && data.isFolder[node] ? "/" : "";
      if (width > 34 && height > 14) {
        element.textContent = `${mark}${mark && " "}${name}${folder}` + (height > 30 && width > 60 && !each.children ? `\n${size}` : each.children && width > 150 ? ` · ${size}` : "");
      }
      element.setAttribute("aria-label", isRest ? `${name} in ${path(node)}, ${size}` : [path(node) + folder, ...facts(node)].join(", "));
      element.item = { node, isRest, each, lines: isRest ? [`${name} in ${path(node)}`, size] : [path(node) + folder, ...facts(node)] };
      if (marks && (isRest || !marks[node])) element.classList.add("dim");
      if (marks && !isRest && (marks[node] === 2 || (marks[node] && !isOpen))) element.classList.add("found");
      return element;
    }

    // --- the parts of the view ------------------------------------------------------------------------------------

    const crumbs = make("nav", { class: "crumbs", "aria-label": "Folder" });
    const query = make("input", { type: "search", placeholder: "part of a name or path", autocomplete: "off" });
    const layer = make("select", {}, make("option", { value: "" }, "all layers"));
    for (const each of layers.all) layer.append(make("option", { value: `${each.side} ${each.layer}` }, visible(each.title).slice(0, 90)));
    const status = make("p", { role: "status", class: "place" });
    const results = make("ul", { class: "results" });
    const tooltip = make("div", { class: "tooltip", hidden: "" });
    const figures = sides.map((side) => {
      const box = make("div", {
        class: "treemap", role: "listbox", tabindex: "0",
        "aria-label": `Files${compared ? ` of ${side}` : ""}. Arrow keys move, Enter opens a folder, Backspace goes up.`,
      });
      const caption = make("figcaption", {});
      return { side, box, caption, figure: make("figure", {}, caption, box) };
    });
    place.replaceChildren(
      make("h3", {}, `All files${compared ? ": base beside head" : ""}`), make("div", { class: "tools" }, make("label", {}, "Search ", query), make("label", {}, "Layer ", layer), status), crumbs,
      make("div", { class: compared ? "maps" : "maps single" }, ...figures.map((each) => each.figure)), tooltip, results,
      make("ul", { class: "legend" }, ...Object.entries(KINDS)
        .filter(([name]) => compared || ["own", "base-image", "hidden"].includes(name))
        .map(([name, [mark, words]]) => make("li", {}, make("span", { class: `swatch ${name}`, "aria-hidden": "true" }, mark), words))),
    );

    function drawCrumbs() {
      const way = [];
      for (let node = zoom; node >= 0; node = data.parents[node]) way.unshift(node);
      crumbs.replaceChildren(...way.map((node, at) => {
        const each = button(node ? visible(data.names[node]) : "/ (all files)", () => go(node));
        if (at === way.length - 1) each.setAttribute("aria-current", "location");
        return each;
      }));
      if (skipped) crumbs.append(make("span", { class: "place" }, `without the ${counted(skipped, "largest entry").replace("entrys", "entries")}`));
    }

    function render() {
      tooltip.hidden = true;
      drawCrumbs();
      const largest = Math.max(...sides.map((side) => area(side, zoom)), 1);
      for (const { side, box, caption } of figures) {
        const width = Math.floor(box.clientWidth);
        const total = area(side, zoom);
        const full = Math.min(460, Math.max(260, width * 0.62));
        const height = total ? Math.max(40, Math.round((full * total) / largest)) : 0;
        box.style.height = `${height}px`;
        box.removeAttribute("aria-activedescendant");
        caption.textContent = `${compared ? side + " " : ""}${bytes(total)}`;
        box.replaceChildren(...(total && width ? tiles(side, width, height).map((each) => tile(side, each)) : []));
      }
    }

    function go(node, focused, skip = 0) {
      const from = zoom;
      zoom = node;
      skipped = skip;
      render();
      const box = focused ?? null;
      if (box) activate(box, [...box.children].find((each) => each.item.node === from) ?? box.firstElementChild);
    }

    function explain(element, x, y) {
      const [first, ...rest] = element.item.lines;
      tooltip.replaceChildren(make("b", {}, first), ...rest.map((line) => make("div", {}, line)));
      tooltip.hidden = false;
      const bounds = place.getBoundingClientRect();
      const left = Math.max(0, Math.min(x - bounds.left + 14, bounds.width - tooltip.offsetWidth - 4));
      tooltip.style.left = `${left}px`;
      tooltip.style.top = `${y - bounds.top + 18}px`;
    }

    function activate(box, element) {
      box.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
      if (!element) return;
      element.setAttribute("aria-selected", "true");
      box.setAttribute("aria-activedescendant", element.id);
      const bounds = element.getBoundingClientRect();
      explain(element, bounds.left, Math.min(bounds.top + 10, bounds.bottom - 10));
    }

    // The nearest tile in the direction of an arrow key; folders that are drawn open are passed through.
    function neighbour(box, from, key) {
      const { each } = from.item;
      const [x, y] = [(each.x0 + each.x1) / 2, (each.y0 + each.y1) / 2];
      let best = null;
      let least = Infinity;
      for (const other of box.children) {
        const to = other.item.each;
        if (to.children || other === from) continue;
        const [across, down] = [(to.x0 + to.x1) / 2 - x, (to.y0 + to.y1) / 2 - y];
        const [along, aside] = { ArrowRight: [across, down], ArrowLeft: [-across, down], ArrowDown: [down, across], ArrowUp: [-down, across] }[key];
        const distance = along + 2 * Math.abs(aside);
        if (along > 0.5 && distance < least) [best, least] = [other, distance];
      }
      return best;
    }

    function onKey(event, box) {
      const active = box.querySelector("[aria-selected]");
      if (event.key.startsWith("Arrow")) {
        const first = [...box.children].find((each) => !each.item.each.children) ?? box.firstElementChild;
        activate(box, active ? neighbour(box, active, event.key) ?? active : first);
      } else if (event.key === "Enter" && active) {
        open(active, box);
      } else if ((event.key === "Backspace" || event.key === "Escape") && zoom) {
        go(data.parents[zoom], box);
      } else if (event.key === "Home") {
        go(0, box);
      } else return;
      event.preventDefault();
    }

    // Opens a folder; at a file, the outermost folder on the way to it.
    function open(element, box) {
      let { node } = element.item;
      if (element.item.isRest) return go(node, box, element.item.each.data.skip);
      while (!data.isFolder[node]) node = data.parents[node];
      if (!data.isFolder[element.item.node]) while (node !== zoom && data.parents[node] !== zoom) node = data.parents[node];
      if (node !== zoom) go(node, box);
    }

    for (const { box } of figures) {
      box.addEventListener("keydown", (event) => onKey(event, box));
      box.addEventListener("click", (event) => {
        const element = event.target.closest(".tile");
        if (element) open(element);
      });
      box.addEventListener("pointermove", (event) => {
        const element = event.target.closest(".tile");
        if (element) explain(element, event.clientX, event.clientY);
      });
      for (const name of ["pointerleave", "blur"]) box.addEventListener(name, () => { tooltip.hidden = true; });
    }

    // --- search: 2 is a match, 1 a folder that holds one ----------------------------------------------------------

    let lowered = null;
    function search() {
      const wanted = query.value.toLowerCase();
      const [side, number] = layer.value ? layer.value.split(" ") : ["", ""];
      results.replaceChildren();
      status.textContent = "";
      marks = null;
      if (wanted || side) {
        marks = new Uint8Array(data.size);
        const found = [];
        lowered ??= data.names.map((name) => name.toLowerCase());
        const isPath = wanted.includes("/");
        for (let node = 1; node < data.size; node++) {
          const inFound = wanted && !isPath && marks[data.parents[node]] === 2;
          const named = !wanted || inFound || (isPath ? path(node).toLowerCase() : lowered[node]).includes(wanted);
          const layered = !side || (!data.isFolder[node] && data.layers[node] === Number(number) && (data[side][node] > 0 || data[`${side}Hidden`][node] > 0));
          if (named && (layered || (data.isFolder[node] && wanted && !side))) {
            marks[node] = 2;
            if (!data.isFolder[node]) found.push(node);
          }
        }
        for (let node = data.size - 1; node > 0; node--) if (marks[node]) marks[data.parents[node]] ||= 1;
        const shown = side || sides.at(-1);
        const sum = found.reduce((total, node) => total + area(shown, node), 0);
        const files = found.reduce((total, node) => total + data.files[node], 0);
        status.textContent = `${counted(files, "file")} found, ${bytes(sum)}${compared ? ` in ${shown}` : ""}`;
        found.sort((one, other) => largestArea(other) - largestArea(one));
        results.append(...found.slice(0, MAXIMUM_RESULTS).map((node) =>
          make("li", {}, button(path(node), () => {
            go(data.parents[node]);
            const { box } = figures.find((each) => area(each.side, node)) ?? figures[0];
            box.focus();
            activate(box, [...box.children].find((each) => each.item.node === node));
          }), ` ${bytes(largestArea(node))}`)));
      }
      render();
    }
    let waiting = 0;
    query.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 120); });
    layer.addEventListener("change", search);
    layers.onSelect((side, number) => { layer.value = `${side} ${number}`; search(); });
    addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => place.isConnected && render(), 120); });
    place.hidden = false;
    render();
  }

  return { draw };
})();
